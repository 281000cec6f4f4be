import { chrominanceBase, luminanceBase, quantTable } from "../../src/functional/jpeg.ts";
import type { ByteImage } from "../../src/image.ts";
import { forwardDct, inverseDct } from "./jpeg-dct.ts";

const roundUp = (value: number, step: number) => Math.ceil(value / step) * step;

/** What libjpeg (4:2:0, islow DCT, fancy upsampling) gives back of an RGB image. */
export function jpegRoundTrip(image: ByteImage, quality: number): Uint8Array {
  const { width, height } = image;
  const [lumaWidth, lumaHeight] = [roundUp(width, 8), roundUp(height, 8)];
  const [chromaWidth, chromaHeight] = [roundUp((width + 1) >> 1, 8), roundUp((height + 1) >> 1, 8)];
  const y = new Uint8Array(lumaWidth * lumaHeight);
  const cb = new Uint8Array(chromaWidth * chromaHeight);
  const cr = new Uint8Array(chromaWidth * chromaHeight);
  toYcc(image, y, lumaWidth, lumaHeight, cb, cr, chromaWidth, chromaHeight);
  requantize(y, lumaWidth, lumaHeight, quantTable(luminanceBase, quality));
  requantize(cb, chromaWidth, chromaHeight, quantTable(chrominanceBase, quality));
  requantize(cr, chromaWidth, chromaHeight, quantTable(chrominanceBase, quality));
  const out = new Uint8Array(width * height * 3);
  fromYcc(y, lumaWidth, cb, cr, chromaWidth, width, height, out);
  return out;
}

/** RGB to full-size Y and quarter-size Cb and Cr (jccolor.c, jcsample.c h2v2), each padded to whole blocks. */
function toYcc(
  image: ByteImage,
  yPlane: Uint8Array,
  yWidth: number,
  yHeight: number,
  cb: Uint8Array,
  cr: Uint8Array,
  cWidth: number,
  cHeight: number,
): void {
  const { width, height, data } = image;
  const halfWidth = (width + 1) >> 1;
  const halfHeight = (height + 1) >> 1;
  for (let row = 0; row < height; row++) {
    let at = row * width * 3;
    const to = row * yWidth;
    for (let x = 0; x < width; x++, at += 3) {
      yPlane[to + x] =
        ((data[at] as number) * 19595 + (data[at + 1] as number) * 38470 + (data[at + 2] as number) * 7471 + 32768) >>
        16;
    }
    yPlane.fill(yPlane[to + width - 1] as number, to + width, to + yWidth);
  }
  for (let row = height; row < yHeight; row++) {
    yPlane.copyWithin(row * yWidth, (height - 1) * yWidth, height * yWidth);
  }
  const offset = (128 << 16) + 32767;
  for (let row = 0; row < halfHeight; row++) {
    const upper = 2 * row * width;
    const lower = Math.min(2 * row + 1, height - 1) * width;
    const to = row * cWidth;
    for (let x = 0; x < halfWidth; x++) {
      const left = 2 * x;
      const right = Math.min(left + 1, width - 1);
      let sumB = 1 + (x & 1);
      let sumR = sumB;
      for (let k = 0; k < 4; k++) {
        const at = ((k < 2 ? upper : lower) + ((k & 1) === 0 ? left : right)) * 3;
        const r = data[at] as number;
        const g = data[at + 1] as number;
        const b = data[at + 2] as number;
        sumB += (-11059 * r - 21709 * g + 32768 * b + offset) >> 16;
        sumR += (32768 * r - 27439 * g - 5329 * b + offset) >> 16;
      }
      cb[to + x] = sumB >> 2;
      cr[to + x] = sumR >> 2;
    }
    // libjpeg widens the full-size row before averaging, so the padding's average is the last pixel's own value.
    if (cWidth > halfWidth) {
      const u = (upper + width - 1) * 3;
      const l = (lower + width - 1) * 3;
      for (let x = halfWidth; x < cWidth; x++) {
        const bias = 1 + (x & 1);
        cb[to + x] = (2 * blueOf(data, u) + 2 * blueOf(data, l) + bias) >> 2;
        cr[to + x] = (2 * redOf(data, u) + 2 * redOf(data, l) + bias) >> 2;
      }
    }
  }
  for (let row = halfHeight; row < cHeight; row++) {
    cb.copyWithin(row * cWidth, (halfHeight - 1) * cWidth, halfHeight * cWidth);
    cr.copyWithin(row * cWidth, (halfHeight - 1) * cWidth, halfHeight * cWidth);
  }
}

function blueOf(data: Uint8Array, at: number): number {
  return (-11059 * data[at]! - 21709 * data[at + 1]! + 32768 * data[at + 2]! + (128 << 16) + 32767) >> 16;
}

function redOf(data: Uint8Array, at: number): number {
  return (32768 * data[at]! - 27439 * data[at + 1]! - 5329 * data[at + 2]! + (128 << 16) + 32767) >> 16;
}

const block = new Int32Array(64);

/** Each 8x8 block to the frequency domain, rounded to multiples of the table, and back; in place. */
function requantize(plane: Uint8Array, width: number, height: number, table: Int32Array): void {
  for (let top = 0; top < height; top += 8) {
    for (let left = 0; left < width; left += 8) {
      forwardDct(plane, top * width + left, width, block);
      for (let i = 0; i < 64; i++) {
        const step = table[i] as number;
        const value = block[i] as number;
        // The forward transform is scaled by 8, as libjpeg's is.
        const divisor = step << 3;
        const rounded =
          value < 0 ? -(((-value + (divisor >> 1)) / divisor) | 0) : ((value + (divisor >> 1)) / divisor) | 0;
        block[i] = rounded * step;
      }
      inverseDct(block, plane, top * width + left, width);
    }
  }
}

/** Chroma upsampled (jdsample.c) and converted to RGB (jdcolor.c). */
function fromYcc(
  yPlane: Uint8Array,
  yWidth: number,
  cb: Uint8Array,
  cr: Uint8Array,
  cWidth: number,
  width: number,
  height: number,
  out: Uint8Array,
): void {
  const halfWidth = (width + 1) >> 1;
  const halfHeight = (height + 1) >> 1;
  const blue = new Uint8Array(2 * halfWidth);
  const red = new Uint8Array(2 * halfWidth);
  for (let row = 0; row < height; row++) {
    const near = row >> 1;
    const far = Math.max(0, Math.min(halfHeight - 1, (row & 1) === 0 ? near - 1 : near + 1));
    upsampleRow(cb, near * cWidth, far * cWidth, halfWidth, blue);
    upsampleRow(cr, near * cWidth, far * cWidth, halfWidth, red);
    let at = row * width * 3;
    const from = row * yWidth;
    for (let x = 0; x < width; x++, at += 3) {
      const luma = yPlane[from + x] as number;
      const b = (blue[x] as number) - 128;
      const r = (red[x] as number) - 128;
      out[at] = clip(luma + ((91881 * r + 32768) >> 16));
      out[at + 1] = clip(luma + ((-22554 * b - 46802 * r + 32768) >> 16));
      out[at + 2] = clip(luma + ((116130 * b + 32768) >> 16));
    }
  }
}

const clip = (value: number) => (value < 0 ? 0 : Math.min(value, 255));

/** One output row of h2v2: the triangle filter, or repetition when the plane is at most two samples wide. */
function upsampleRow(plane: Uint8Array, near: number, far: number, size: number, out: Uint8Array): void {
  if (size <= 2) {
    for (let x = 0; x < size; x++) out[2 * x] = out[2 * x + 1] = plane[near + x] as number;
    return;
  }
  let here = (plane[near] as number) * 3 + (plane[far] as number);
  let next = (plane[near + 1] as number) * 3 + (plane[far + 1] as number);
  let last = here;
  out[0] = (here * 4 + 8) >> 4;
  out[1] = (here * 3 + next + 7) >> 4;
  for (let x = 1; x < size - 1; x++) {
    last = here;
    here = next;
    next = (plane[near + x + 1] as number) * 3 + (plane[far + x + 1] as number);
    out[2 * x] = (here * 3 + last + 8) >> 4;
    out[2 * x + 1] = (here * 3 + next + 7) >> 4;
  }
  out[2 * size - 2] = (next * 3 + here + 8) >> 4;
  out[2 * size - 1] = (next * 4 + 7) >> 4;
}
