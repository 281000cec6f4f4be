import { type Image, isByteImage, withPixels } from "../image.ts";
import { cubic } from "./coefficients.ts";
import { type Fill, fillPerChannel, roundHalfEven } from "./crop.ts";
import { roundToBytes } from "./resize.ts";
import type { WarpInterpolation, WarpMatrix } from "./warp.ts";

/**
 * torchvision's geometric transforms of tensors: `grid_sample` with zeros outside, then the fill, where there is one,
 * blended in by a mask. (Blending zeros in twice darkens the border; that is torchvision's result too.)
 * The matrix is that of `warpPillow`: output pixel centers to input positions.
 */
export function warpTensor(
  image: Image,
  matrix: WarpMatrix,
  interpolation: WarpInterpolation,
  fill: Fill | undefined,
  width = image.width,
  height = image.height,
): Image {
  const grid = matrix.length === 6 ? affineGrid(matrix, image, width, height) : perspectiveGrid(matrix);
  return sampleGrid(image, interpolation, fill, width, height, grid);
}

/** torch's `grid_sample` with torchvision's fill, at places given in input pixels. */
export function sampleGrid(
  image: Image,
  interpolation: WarpInterpolation,
  fill: Fill | undefined,
  width: number,
  height: number,
  grid: Grid,
): Image {
  const { channels, data, width: inWidth, height: inHeight } = image;
  const values = fillPerChannel(fill ?? 0, channels);
  const out = new Float32Array(width * height * channels);
  const sums = new Float64Array(channels);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += channels) {
      const [sx, sy] = grid(x, y);
      let mask = 0;
      sums.fill(0);
      const add = (column: number, row: number, weight: number) => {
        if (column < 0 || column >= inWidth || row < 0 || row >= inHeight) return;
        mask += weight;
        const pixel = (row * inWidth + column) * channels;
        for (let k = 0; k < channels; k++) sums[k]! += (data[pixel + k] as number) * weight;
      };
      if (interpolation === "nearest") add(roundHalfEven(sx), roundHalfEven(sy), 1);
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

/** Where an output pixel reads, in input pixels. */
type Grid = (x: number, y: number) => readonly [number, number];

function perspectiveGrid(matrix: WarpMatrix): Grid {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = matrix;
  return (x, y) => {
    const scale = 1 / (g * (x + 0.5) + h * (y + 0.5) + 1);
    return [
      Math.fround((a * (x + 0.5) + b * (y + 0.5) + c) * scale - 0.5),
      Math.fround((d * (x + 0.5) + e * (y + 0.5) + f) * scale - 0.5),
    ];
  };
}

/**
 * Rounded at the places where torch rounds (`affine_grid`, then `grid_sample`): positions from the middle, on the scale
 * -1 to 1, in float32. It decides which of two equally near pixels a quarter turn of an odd by even image takes.
 */
function affineGrid(
  matrix: WarpMatrix,
  image: Pick<Image, "width" | "height">,
  outWidth: number,
  outHeight: number,
): Grid {
  const { fround } = Math;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = matrix;
  const axis = (sx: number, sy: number, offset: number, size: number) => {
    const middle = (sx * outWidth + sy * outHeight - size) / 2 + offset;
    const scaled = (value: number) => fround(fround(value) / fround(0.5 * size));
    const [stepX, stepY, start] = [scaled(sx), scaled(sy), scaled(middle)];
    return (x: number, y: number) => {
      const along = fround(fround(x * stepX) + y * stepY);
      return fround(fround(fround(along + start) + 1) * (size / 2) - 0.5);
    };
  };
  const [column, row] = [axis(a, b, c, image.width), axis(d, e, f, image.height)];
  return (x, y) => {
    const [fromMiddleX, fromMiddleY] = [x + 0.5 - outWidth / 2, y + 0.5 - outHeight / 2];
    return [column(fromMiddleX, fromMiddleY), row(fromMiddleX, fromMiddleY)];
  };
}
