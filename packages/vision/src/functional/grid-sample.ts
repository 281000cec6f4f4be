import { type Image, isByteImage, withPixels } from "../image/image.ts";
import { cubic } from "./coefficients.ts";
import { type Fill, fillPerChannel } from "./crop.ts";
import { roundToBytes } from "./resize.ts";
import type { WarpInterpolation, WarpMatrix } from "./warp.ts";

/**
 * torchvision's geometric transforms of tensors: `grid_sample` with zeros outside, then the fill, where there is one,
 * blended in by a mask. (Blending zeros in twice darkens the border; that is torchvision's result too.)
 * The matrix is that of `warpPillow`: output pixel centres to input positions.
 */
export function warpTensor(
  image: Image,
  matrix: WarpMatrix,
  interpolation: WarpInterpolation,
  fill: Fill | undefined,
  width = image.width,
  height = image.height,
): Image {
  const { channels, data, width: inWidth, height: inHeight } = image;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = matrix;
  const values = fillPerChannel(fill ?? 0, channels);
  const out = new Float32Array(width * height * channels);
  const sums = new Float64Array(channels);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += channels) {
      const scale = 1 / (g * (x + 0.5) + h * (y + 0.5) + 1);
      // Float32, as torch computes its grid; it decides ties of the nearest neighbour.
      const sx = Math.fround((a * (x + 0.5) + b * (y + 0.5) + c) * scale - 0.5);
      const sy = Math.fround((d * (x + 0.5) + e * (y + 0.5) + f) * scale - 0.5);
      let mask = 0;
      sums.fill(0);
      const add = (column: number, row: number, weight: number) => {
        if (column < 0 || column >= inWidth || row < 0 || row >= inHeight) return;
        mask += weight;
        const pixel = (row * inWidth + column) * channels;
        for (let k = 0; k < channels; k++) sums[k]! += (data[pixel + k] as number) * weight;
      };
      if (interpolation === "nearest") add(roundEven(sx), roundEven(sy), 1);
      else {
        const x0 = Math.floor(sx);
        const y0 = Math.floor(sy);
        const dx = sx - x0;
        const dy = sy - y0;
        if (interpolation === "bilinear") {
          add(x0, y0, (1 - dx) * (1 - dy));
          add(x0 + 1, y0, dx * (1 - dy));
          add(x0, y0 + 1, (1 - dx) * dy);
          add(x0 + 1, y0 + 1, dx * dy);
        } else {
          for (let j = -1; j <= 2; j++) {
            for (let i = -1; i <= 2; i++) add(x0 + i, y0 + j, cubic(i - dx, -0.75) * cubic(j - dy, -0.75));
          }
        }
      }
      for (let k = 0; k < channels; k++) {
        const value = values[k] as number;
        if (interpolation === "nearest") out[at + k] = mask < 0.5 ? value : (sums[k] as number);
        else out[at + k] = fill !== undefined ? ((sums[k] as number) - value) * mask + value : (sums[k] as number);
      }
    }
  }
  if (!isByteImage(image)) return withPixels(image, out, width, height);
  return withPixels(image, roundToBytes(out), width, height);
}

function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
