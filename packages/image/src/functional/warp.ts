import { type ByteImage, withPixels } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";
import { runKernels } from "../kernels/instance.ts";
import { cubic } from "./coefficients.ts";
import { type Fill, fillPerChannel } from "./crop.ts";

/**
 * Pillow's geometric transforms of uint8 images (Geometry.c). The matrix maps output pixel centres to input positions:
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
  const out = takeBytes(width * height * channels);
  const values = fillPerChannel(fill, channels);
  if (values.every((value) => value === values[0])) out.fill(values[0] as number);
  else for (let i = 0; i < out.length; i++) out[i] = values[i % channels] as number;
  if (channels === 3 && warpByKernel(image, matrix, interpolation, out, width, height)) {
    return withPixels(image, out, width, height);
  }
  const affine = matrix.length === 6;
  if (interpolation === "nearest") {
    if (affine) affineNearest(image, matrix, out, width, height);
    else perspectiveNearest(image, matrix, out, width, height);
  } else if (interpolation === "bilinear") bilinear(image, matrix, out, width, height);
  else bicubic(image, matrix, out, width, height);
  return withPixels(image, out, width, height);
}

function warpByKernel(
  image: ByteImage,
  matrix: WarpMatrix,
  interpolation: WarpInterpolation,
  out: Uint8Array,
  width: number,
  height: number,
): boolean {
  const nearest = interpolation === "nearest" && matrix.length === 6;
  if (!nearest && interpolation !== "bilinear") return false;
  return runKernels(out, (kernels, frame, outAt) => {
    const from = frame.in(image.data);
    const coefficients = frame.in(Float64Array.from({ length: 8 }, (_, i) => matrix[i] ?? 0));
    if (nearest) {
      const steps = fixedSteps(matrix);
      kernels.affine_nearest(from, image.width, image.height, ...steps, width, height, outAt);
    } else kernels.warp_bilinear(from, image.width, image.height, coefficients, width, height, outAt);
  });
}

/** Pillow's fixed-point walk (affine_fixed): start x, start y, step x, step y, and what a row adds to the start. */
function fixedSteps(matrix: WarpMatrix): [number, number, number, number, number, number] {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = matrix;
  const fix = (value: number) => Math.floor(value * 65536 + 0.5);
  return [fix(c + a * 0.5 + b * 0.5), fix(f + d * 0.5 + e * 0.5), fix(a), fix(d), fix(b), fix(e)];
}

function affineNearest(image: ByteImage, matrix: WarpMatrix, out: Uint8Array, width: number, height: number): void {
  const { data, channels, width: inWidth, height: inHeight } = image;
  const [startX, startY, stepX, stepY, downX, downY] = fixedSteps(matrix);
  let rowX = startX;
  let rowY = startY;
  for (let y = 0, at = 0; y < height; y++) {
    let xx = rowX;
    let yy = rowY;
    for (let x = 0; x < width; x++, at += channels) {
      const column = xx >> 16;
      const row = yy >> 16;
      xx += stepX;
      yy += stepY;
      if (column < 0 || column >= inWidth || row < 0 || row >= inHeight) continue;
      const pixel = (row * inWidth + column) * channels;
      out[at] = data[pixel] as number;
      if (channels === 3) {
        out[at + 1] = data[pixel + 1] as number;
        out[at + 2] = data[pixel + 2] as number;
      }
    }
    rowX += downX;
    rowY += downY;
  }
}

function perspectiveNearest(
  image: ByteImage,
  matrix: WarpMatrix,
  out: Uint8Array,
  width: number,
  height: number,
): void {
  const { data, channels, width: inWidth, height: inHeight } = image;
  const [a, b, c, d, e, f, g, h] = matrix as readonly number[] as [number, ...number[]] & number[];
  for (let y = 0, at = 0; y < height; y++) {
    const py = y + 0.5;
    for (let x = 0; x < width; x++, at += channels) {
      const px = x + 0.5;
      const scale = 1 / ((g as number) * px + (h as number) * py + 1);
      const column = Math.floor((a * px + (b as number) * py + (c as number)) * scale);
      const row = Math.floor(((d as number) * px + (e as number) * py + (f as number)) * scale);
      if (!(column >= 0 && column < inWidth && row >= 0 && row < inHeight)) continue;
      const pixel = (row * inWidth + column) * channels;
      for (let k = 0; k < channels; k++) out[at + k] = data[pixel + k] as number;
    }
  }
}

function bilinear(image: ByteImage, matrix: WarpMatrix, out: Uint8Array, width: number, height: number): void {
  const { data, channels, width: inWidth, height: inHeight } = image;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = matrix;
  for (let y = 0, at = 0; y < height; y++) {
    const py = y + 0.5;
    for (let x = 0; x < width; x++, at += channels) {
      const px = x + 0.5;
      const scale = 1 / (g * px + h * py + 1);
      let sx = (a * px + b * py + c) * scale;
      let sy = (d * px + e * py + f) * scale;
      if (!(sx >= 0 && sx < inWidth && sy >= 0 && sy < inHeight)) continue;
      sx -= 0.5;
      sy -= 0.5;
      const x0 = Math.floor(sx);
      const y0 = Math.floor(sy);
      const dx = sx - x0;
      const dy = sy - y0;
      const left = Math.max(x0, 0);
      const right = x0 + 1 < inWidth ? x0 + 1 : inWidth - 1;
      const top = Math.max(y0, 0);
      const bottom = y0 + 1 < inHeight ? y0 + 1 : top;
      const topLeft = (top * inWidth + left) * channels;
      const topRight = (top * inWidth + right) * channels;
      const bottomLeft = (bottom * inWidth + left) * channels;
      const bottomRight = (bottom * inWidth + right) * channels;
      for (let k = 0; k < channels; k++) {
        const p = data[topLeft + k] as number;
        const q = data[bottomLeft + k] as number;
        const upper = p + ((data[topRight + k] as number) - p) * dx;
        const lower = q + ((data[bottomRight + k] as number) - q) * dx;
        out[at + k] = upper + (lower - upper) * dy;
      }
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
