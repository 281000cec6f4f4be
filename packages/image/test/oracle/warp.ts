import { fixedSteps, type WarpMatrix } from "../../src/functional/warp.ts";
import type { ByteImage } from "../../src/image.ts";

/** Pillow's affine_fixed. */
export function affineNearest(
  image: ByteImage,
  matrix: WarpMatrix,
  out: Uint8Array,
  width: number,
  height: number,
): void {
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

/** Pillow's bilinear filter, in double precision. */
export function bilinear(image: ByteImage, matrix: WarpMatrix, out: Uint8Array, width: number, height: number): void {
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
