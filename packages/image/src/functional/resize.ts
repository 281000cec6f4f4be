import { ImageError } from "../errors.ts";
import { type ByteImage, type Image, isByteImage, withPixels } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";
import { runKernels } from "../kernels/instance.ts";
import {
  checkSize,
  interpolateCoefficients,
  nearestPositions,
  type ResampleFilter,
  resampleCoefficients,
} from "./coefficients.ts";
import { crop, cropPixels, isInside } from "./crop.ts";
import { type Box, resampleBytes, resampleFloats } from "./resample.ts";

/** Ways to find a pixel between pixels. `box`, `hamming` and `lanczos` exist for Pillow semantics only. */
export const interpolations = ["nearest", "nearest-exact", "bilinear", "bicubic", "box", "hamming", "lanczos"] as const;
export type Interpolation = (typeof interpolations)[number];

export interface ResizeOptions {
  readonly interpolation?: Interpolation;
  /** Widen the filter when shrinking; Pillow semantics always do. */
  readonly antialias?: boolean;
  /** Resize this part of the image only, as if it had been cropped first: what lies outside the image is black. */
  readonly box?: Box;
  /** Make this part of the result only, as if the result were cropped afterwards. */
  readonly window?: Box;
}

/** Resizes to exactly `width` x `height`, as `torchvision.transforms.v2.functional.resize` does. */
export function resize(image: Image, width: number, height: number, options: ResizeOptions = {}): Image {
  checkSize(width, height);
  if (options.box !== undefined && !isInside(image, options.box)) {
    const { box, ...others } = options;
    return resize(crop(image, box), width, height, others);
  }
  const { interpolation = "bilinear", antialias = true } = options;
  const box = options.box ?? { left: 0, top: 0, width: image.width, height: image.height };
  const window = options.window ?? { left: 0, top: 0, width, height };
  const whole = window.width === width && window.height === height;
  if (interpolation === "nearest" || interpolation === "nearest-exact") {
    return resizeNearest(image, width, height, interpolation, box, window);
  }
  if (!isByteImage(image) || (image.semantics === "tensor" && !antialias)) {
    const made = resizeAsTensor(image, width, height, interpolation, antialias, box);
    return whole ? made : cropPixels(made, window);
  }
  if (image.semantics === "tensor") checkTensorFilter(interpolation);
  const source = { data: image.data, stride: image.width, channels: image.channels, box };
  const horizontal = box.width === width ? undefined : resampleCoefficients(box.width, width, interpolation);
  const vertical = box.height === height ? undefined : resampleCoefficients(box.height, height, interpolation);
  return withPixels(image, resampleBytes(source, horizontal, vertical, window), window.width, window.height);
}

function checkTensorFilter(interpolation: Interpolation): asserts interpolation is "bilinear" | "bicubic" {
  if (interpolation === "bilinear" || interpolation === "bicubic") return;
  throw new ImageError({
    code: "image/interpolation",
    what: `interpolation of a tensor: expected nearest, nearest-exact, bilinear or bicubic, received ${interpolation}`,
    fix: "resize before ToImage: decoded images take every interpolation",
  });
}

function resizeAsTensor(
  image: Image,
  width: number,
  height: number,
  interpolation: ResampleFilter,
  antialias: boolean,
  box: Box,
): Image {
  checkTensorFilter(interpolation);
  const source = { data: image.data, stride: image.width, channels: image.channels, box };
  const coefficients = (from: number, to: number) =>
    antialias ? resampleCoefficients(from, to, interpolation) : interpolateCoefficients(from, to, interpolation);
  const horizontal = coefficients(box.width, width);
  const vertical = coefficients(box.height, height);
  if (!isByteImage(image)) return withPixels(image, resampleFloats(source, horizontal, vertical), width, height);
  // Torch's uint8 kernels round between the passes, as Pillow's do.
  const bytes = { ...source, data: image.data };
  return withPixels(
    image,
    resampleBytes(bytes, horizontal, vertical, { left: 0, top: 0, width, height }),
    width,
    height,
  );
}

/** float32 values of 0..255 as uint8, rounded half to even and clamped, as torch's `round_().clamp_()` does. */
export function roundToBytes(values: Float32Array): Uint8Array {
  const out = takeBytes(values.length);
  // Stores into a Uint8ClampedArray round half to even and clamp, by the language's own rule.
  new Uint8ClampedArray(out.buffer, out.byteOffset, out.length).set(values);
  return out;
}

function resizeNearest(
  image: Image,
  width: number,
  height: number,
  interpolation: "nearest" | "nearest-exact",
  box: Box,
  window: Box,
): Image {
  const kind = image.semantics === "pil" ? "pil" : interpolation;
  const xs = nearestPositions(box.width, width, kind);
  const ys = nearestPositions(box.height, height, kind);
  const { channels, data } = image;
  const columns = xs.subarray(window.left, window.left + window.width);
  const rows = ys.subarray(window.top, window.top + window.height);
  const start = (box.top * image.width + box.left) * channels;
  const length = window.width * window.height * channels;
  if (isByteImage(image) && channels === 3) {
    const out = takeBytes(length);
    runKernels(out, (kernels, frame, outAt) => {
      const args = [frame.in(columns), frame.in(rows), window.width, window.height, outAt];
      kernels.resample_nearest(frame.in(image.data) + start, image.width * 3, ...args);
    });
    return withPixels(image, out, window.width, window.height);
  }
  const out = isByteImage(image) ? takeBytes(length) : new Float32Array(length);
  let at = 0;
  for (const row of rows) {
    for (const column of columns) {
      const pixel = start + (row * image.width + column) * channels;
      for (let c = 0; c < channels; c++) out[at++] = data[pixel + c] as number;
    }
  }
  return withPixels(image, out, window.width, window.height);
}

/** A part of the image, resized to `width` x `height`; what lies outside the image is black. */
export function resizedCrop(image: Image, box: Box, width: number, height: number, options: ResizeOptions = {}): Image {
  return resize(image, width, height, { ...options, box });
}

/** Pillow's `Image.resize` of a uint8 image, whatever its semantics (the degradations of the jersey recipe use it). */
export function resizeAsPillow(
  image: ByteImage,
  width: number,
  height: number,
  options: ResizeOptions = {},
): ByteImage {
  const made = resize({ ...image, semantics: "pil" }, width, height, options) as ByteImage;
  return { ...made, semantics: image.semantics };
}
