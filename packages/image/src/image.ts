import { ImageError } from "./errors.ts";

/**
 * Whose arithmetic the transforms follow. A decoded image is `pil` (Pillow's fixed-point kernels), and `ToImage` or a
 * conversion to float makes it a `tensor` (torchvision's tensor kernels), just as in torchvision.
 */
export type Semantics = "pil" | "tensor";

/**
 * An image in memory: rows of pixels with the channels side by side (HWC), without padding.
 * `uint8` data is 0..255; `float32` data is in [0, 1] unless it was normalized.
 */
export interface Image<Data extends Uint8Array | Float32Array = Uint8Array | Float32Array> {
  readonly width: number;
  readonly height: number;
  /** 3 (RGB) everywhere in the standard pipelines; 1 after `Grayscale({ numOutputChannels: 1 })`. */
  readonly channels: number;
  readonly data: Data;
  readonly semantics: Semantics;
}

export type ByteImage = Image<Uint8Array>;
export type FloatImage = Image<Float32Array>;

export function isByteImage(image: Image): image is ByteImage {
  return image.data.BYTES_PER_ELEMENT === 1;
}

/** An image of uint8 pixels; `data` is used as it is, not copied. */
export function byteImage(
  data: Uint8Array,
  width: number,
  height: number,
  { channels = 3, semantics = "pil" }: { channels?: number; semantics?: Semantics } = {},
): ByteImage {
  if (data.length !== width * height * channels) {
    throw new ImageError({
      code: "image/data-length",
      what: `expected ${width * height * channels} bytes for an image of ${width}x${height} with ${channels} channels, received ${data.length}`,
      fix: "data holds rows of pixels with the channels side by side (HWC)",
    });
  }
  return { width, height, channels, data, semantics };
}

/** The same kind of image with other pixels. */
export function withPixels(image: ByteImage, data: Uint8Array, width: number, height: number): ByteImage;
export function withPixels(image: FloatImage, data: Float32Array, width: number, height: number): FloatImage;
export function withPixels(image: Image, data: Uint8Array | Float32Array, width: number, height: number): Image;
export function withPixels(image: Image, data: Uint8Array | Float32Array, width: number, height: number): Image {
  return { width, height, channels: image.channels, data, semantics: image.semantics };
}

/** The pixels in torchvision's order, CHW. */
export function toChannelsFirst<Data extends Uint8Array | Float32Array>(image: Image<Data>): Data {
  const { width, height, channels, data } = image;
  const area = width * height;
  const out = new (data.constructor as new (length: number) => Data)(data.length);
  for (let i = 0, at = 0; i < area; i++) for (let c = 0; c < channels; c++) out[c * area + i] = data[at++] as number;
  return out;
}
