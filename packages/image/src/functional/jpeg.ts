import { type ByteImage, withPixels } from "../image.ts";
import { recycle, takeBytes } from "../kernels/buffers.ts";
import { runKernels } from "../kernels/instance.ts";
import { chrominanceBase, forwardDct, inverseDct, luminanceBase, quantTable } from "./jpeg-dct.ts";

/**
 * What a JPEG file of this quality would give back (libjpeg, 4:2:0, islow DCT, fancy upsampling), without writing one:
 * entropy coding loses nothing, so the round trip is colour conversion, subsampling, DCT, quantisation and the way
 * back. Equal to encoding and decoding, at a small part of the cost.
 */
export function jpegRoundTrip(image: ByteImage, quality: number): ByteImage {
  const { width, height, channels } = image;
  const luma = quantTable(luminanceBase, quality);
  if (channels === 1) {
    const plane = paddedPlane(image.data, width, height);
    requantise(plane.data, plane.width, plane.height, luma);
    const out = takeBytes(width * height);
    for (let y = 0; y < height; y++) out.set(plane.data.subarray(y * plane.width, y * plane.width + width), y * width);
    return withPixels(image, out, width, height);
  }
  const halfWidth = (width + 1) >> 1;
  const halfHeight = (height + 1) >> 1;
  const lumaWidth = roundUp(width, 8);
  const lumaHeight = roundUp(height, 8);
  const chromaWidth = roundUp(halfWidth, 8);
  const chromaHeight = roundUp(halfHeight, 8);
  const y = takeBytes(lumaWidth * lumaHeight);
  const cb = takeBytes(chromaWidth * chromaHeight);
  const cr = takeBytes(chromaWidth * chromaHeight);
  const converted = runKernels(y, (kernels, frame, at) => {
    const planes = [at, lumaWidth, lumaHeight, frame.inOut(cb), frame.inOut(cr), chromaWidth, chromaHeight];
    kernels.jpeg_to_ycc(frame.in(image.data), width, height, ...planes);
  });
  if (!converted) toYcc(image, y, lumaWidth, lumaHeight, cb, cr, chromaWidth, chromaHeight);
  const chroma = quantTable(chrominanceBase, quality);
  requantise(y, lumaWidth, lumaHeight, luma);
  requantise(cb, chromaWidth, chromaHeight, chroma);
  requantise(cr, chromaWidth, chromaHeight, chroma);
  const out = takeBytes(width * height * 3);
  const back = runKernels(out, (kernels, frame, outAt) => {
    const planes = [frame.in(y), lumaWidth, frame.in(cb), frame.in(cr), chromaWidth];
    const rows = frame.take(2 * (width + 32));
    kernels.jpeg_from_ycc(...planes, width, height, rows, outAt, 0, 0, width, height);
  });
  if (!back) fromYcc(y, lumaWidth, cb, cr, chromaWidth, width, height, out);
  for (const plane of [y, cb, cr]) recycle(plane);
  return withPixels(image, out, width, height);
}

const roundUp = (value: number, step: number) => Math.ceil(value / step) * step;

function paddedPlane(data: Uint8Array, width: number, height: number) {
  const plane = { width: roundUp(width, 8), height: roundUp(height, 8) };
  const out = takeBytes(plane.width * plane.height);
  for (let y = 0; y < plane.height; y++) {
    const row = Math.min(y, height - 1) * width;
    for (let x = 0; x < plane.width; x++) out[y * plane.width + x] = data[row + Math.min(x, width - 1)] as number;
  }
  return { ...plane, data: out };
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
function requantise(plane: Uint8Array, width: number, height: number, table: Int32Array): void {
  const done = runKernels(plane, (kernels, frame, at) => {
    const steps = frame.in(table);
    // A little more than 1 / (8 step), so that exact multiples are not rounded down.
    const inverse = frame.in(Float32Array.from(table, (step) => (1 + 2 ** -20) / (8 * step)));
    kernels.jpeg_requantise(at, width, height, steps, inverse);
  });
  if (done) return;
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
export function fromYcc(
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
