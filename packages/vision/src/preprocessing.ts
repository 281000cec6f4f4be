/** Decoding and transforms without LibTorch: what a service needs to prepare pictures for an exported model. */

export { parseCsv } from "./datasets/csv.ts";
export { countExtensions, filesBelow, isImageName, mayBeImageName } from "./datasets/folders.ts";
export { decodeImage, readImage } from "./image/decode.ts";
export { type Image, isByteImage, toChannelsFirst } from "./image/image.ts";
export { buildNamedTransform } from "./transforms/registry.ts";
export type { Transform, TransformSpec } from "./transforms/transform.ts";
