import { ImageError } from "../errors.ts";
import { type ByteImage, withPixels } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";
import { runKernels } from "../kernels/instance.ts";
import { cubic } from "./coefficients.ts";
import { type Fill, fillPerChannel } from "./crop.ts";
import { viaRgb } from "./via-rgb.ts";

/**
 * Pillow's geometric transforms of uint8 images (Geometry.c). The matrix maps output pixel centers to input positions:
 * x' = (a x + b y + c) / (g x + h y + 1), y' = (d x + e y + f) / (g x + h y + 1), with g = h = 0 for an affine one.
 */
export type WarpMatrix = readonly number[];

export type WarpInterpolation = "nearest" | "bilinear" | "bicubic";

/** `Image.transform(size, AFFINE | PERSPECTIVE, matrix, interpolation, fillcolor=fill)`. */
export function warpPillow(
  image: ByteImage,
  matrix: WarpMatrix,
  interpolation: WarpInterpolation,
  fill: Fill,
  width = image.width,
  height = image.height,
): ByteImage {
  const { channels } = image;
  const values = fillPerChannel(fill, channels);
  const isFixed = interpolation === "nearest" && fitsFixedPoint(matrix, width, height);
  const byKernel = interpolation === "bilinear" || isFixed;
  if (byKernel && channels !== 3) {
    const warped = viaRgb(image, (data, taken) => {
      const rgb = { ...image, data, channels: 3 };
      return warpPillow(
        rgb,
        matrix,
        interpolation,
        taken.map((c) => values[c] as number),
        width,
        height,
      ).data;
    });
    return withPixels(image, warped, width, height);
  }
  const out = takeBytes(width * height * channels);
  if (values.every((value) => value === values[0])) out.fill(values[0] as number);
  else for (let i = 0; i < out.length; i++) out[i] = values[i % channels] as number;
  if (byKernel) warpByKernel(image, matrix, isFixed, out, width, height);
  else if (interpolation === "nearest") nearest(image, matrix, out, width, height);
  else bicubic(image, matrix, out, width, height);
  return withPixels(image, out, width, height);
}

/** The largest side whose positions fit the bilinear kernel's 32 bits with their 14 fractional ones. */
const largestSide = 131_071;

function warpByKernel(
  image: ByteImage,
  matrix: WarpMatrix,
  isFixed: boolean,
  out: Uint8Array,
  width: number,
  height: number,
): void {
  if (Math.max(image.width, image.height) > largestSide) {
    throw new ImageError({
      code: "image/size",
      what: `expected an image of at most ${largestSide} pixels a side to warp, received ${image.width}x${image.height}`,
      fix: "crop or resize before the geometric transforms, or lower data.max_pixels",
    });
  }
  runKernels(out, (kernels, frame, outAt) => {
    const from = frame.in(image.data);
    if (isFixed) {
      kernels.affine_nearest(from, image.width, image.height, ...fixedSteps(matrix), width, height, outAt);
    } else {
      const coefficients = frame.in(Float64Array.from({ length: 8 }, (_, i) => matrix[i] ?? 0));
      kernels.warp_bilinear(from, image.width, image.height, coefficients, width, height, outAt);
    }
  });
}

/** Pillow's `check_fixed`: whether all positions of an affine matrix have 16 bits before the point. */
function fitsFixedPoint(matrix: WarpMatrix, width: number, height: number): boolean {
  if (matrix.length !== 6) return false;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = matrix;
  const fits = (x: number, y: number) => Math.abs(a * x + b * y + c) < 32768 && Math.abs(d * x + e * y + f) < 32768;
  return fits(0, 0) && fits(width, 0) && fits(0, height) && fits(width, height);
}

/** Pillow's 16.16 fixed-point walk (affine_fixed): start x, start y, step x, step y, and what a row adds to the start. */
export function fixedSteps(matrix: WarpMatrix): [number, number, number, number, number, number] {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = matrix;
  const fix = (value: number) => Math.floor(value * 65536 + 0.5);
  return [fix(c + a * 0.5 + b * 0.5), fix(f + d * 0.5 + e * 0.5), fix(a), fix(d), fix(b), fix(e)];
}

function nearest(image: ByteImage, matrix: WarpMatrix, out: Uint8Array, width: number, height: number): void {
  const { data, channels, width: inWidth, height: inHeight } = image;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = matrix;
  for (let y = 0, at = 0; y < height; y++) {
    const py = y + 0.5;
    for (let x = 0; x < width; x++, at += channels) {
      const px = x + 0.5;
      const scale = 1 / (g * px + h * py + 1);
      const column = Math.floor((a * px + b * py + c) * scale);
      const row = Math.floor((d * px + e * py + f) * scale);
      if (!(column >= 0 && column < inWidth && row >= 0 && row < inHeight)) continue;
      const pixel = (row * inWidth + column) * channels;
      for (let k = 0; k < channels; k++) out[at + k] = data[pixel + k] as number;
    }
  }
}

function bicubic(image: ByteImage, matrix: WarpMatrix, out: Uint8Array, width: number, height: number): void {
  const { data, channels, width: inWidth, height: inHeight } = image;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = matrix;
  const clamp = (value: number, size: number) => Math.max(0, Math.min(size - 1, value));
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += channels) {
      const scale = 1 / (g * (x + 0.5) + h * (y + 0.5) + 1);
      const sx = (a * (x + 0.5) + b * (y + 0.5) + c) * scale;
      const sy = (d * (x + 0.5) + e * (y + 0.5) + f) * scale;
      if (!(sx >= 0 && sx < inWidth && sy >= 0 && sy < inHeight)) continue;
      const x0 = Math.floor(sx - 0.5);
      const y0 = Math.floor(sy - 0.5);
      for (let k = 0; k < channels; k++) {
        let sum = 0;
        for (let j = -1; j <= 2; j++) {
          let row = 0;
          const from = clamp(y0 + j, inHeight) * inWidth;
          for (let i = -1; i <= 2; i++) {
            row += (data[(from + clamp(x0 + i, inWidth)) * channels + k] as number) * cubic(x0 + i - (sx - 0.5), -1);
          }
          sum += row * cubic(y0 + j - (sy - 0.5), -1);
        }
        out[at + k] = sum <= 0 ? 0 : Math.min(sum, 255);
      }
    }
  }
}
