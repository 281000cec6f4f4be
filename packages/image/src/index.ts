export { type DecodeOptions, decodeImage, decoderVersion, readImage, readImageBytes } from "./codecs/decode.ts";
export { encodeJpeg, encodePng } from "./codecs/encode.ts";
export type { RegionOf } from "./codecs/plain-jpeg.ts";
export { exifOrientation } from "./codecs/tags.ts";
export { ImageError } from "./errors.ts";
export * as functional from "./functional/index.ts";
export { type Orientation, orientations } from "./functional/orientation.ts";
export type { Box } from "./functional/resample.ts";
export {
  type ByteImage,
  byteImage,
  type FloatImage,
  type Image,
  isByteImage,
  type Semantics,
  toChannelsFirst,
} from "./image.ts";
export { recycle } from "./kernels/buffers.ts";
export { targets } from "./targets.ts";
export * from "./transforms/index.ts";
