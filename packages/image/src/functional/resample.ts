import { recycle, takeBytes } from "../kernels/buffers.ts";
import { runKernels } from "../kernels/instance.ts";
import type { Coefficients } from "./coefficients.ts";

/** A part of an image: `left`, `top` and the size, in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Where the pixels are read: the whole buffer's width, and the part of it that is the image. */
export interface Source<Data> {
  readonly data: Data;
  readonly stride: number;
  readonly channels: number;
  readonly box: Box;
}

const precisionBits = 22;
const half = 1 << (precisionBits - 1);

/** Weights as Pillow's 8-bit kernels use them: fixed point with 22 fractional bits, rounded away from zero. */
function fixedPoint(weights: Float64Array): Int32Array {
  const out = new Int32Array(weights.length);
  for (let i = 0; i < weights.length; i++) {
    const scaled = (weights[i] as number) * (1 << precisionBits);
    out[i] = Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  }
  return out;
}

/**
 * Pillow's two-pass resampling of uint8 pixels: horizontal, rounded to 8 bits, then vertical.
 * Only `window` of the output is computed (a crop after the resize costs nothing).
 * Either axis may be undefined: it is then copied.
 */
export function resampleBytes(
  source: Source<Uint8Array>,
  horizontal: Coefficients | undefined,
  vertical: Coefficients | undefined,
  window: Box,
): Uint8Array {
  const { channels, box } = source;
  const rowLength = window.width * channels;
  if (channels === 3) {
    const made = takeBytes(window.height * rowLength);
    if (resampleByKernel(source, horizontal, vertical, window, made)) return made;
    recycle(made);
  }
  const top = vertical ? (vertical.first[window.top] as number) : window.top;
  const last = window.top + window.height - 1;
  const bottom = vertical ? (vertical.first[last] as number) + (vertical.count[last] as number) : last + 1;
  const rows = bottom - top;
  let middle: Uint8Array;
  if (horizontal === undefined) middle = copyBox(source, { ...window, top, height: rows });
  else {
    middle = takeBytes(rows * rowLength);
    const weights = fixedPoint(horizontal.weights);
    for (let y = 0; y < rows; y++) {
      const from = ((box.top + top + y) * source.stride + box.left) * channels;
      if (channels === 3) rowOfThree(source.data, from, horizontal, weights, window, middle, y * rowLength);
      else rowOfAny(source.data, from, channels, horizontal, weights, window, middle, y * rowLength);
    }
  }
  if (vertical === undefined) return middle;
  const out = takeBytes(window.height * rowLength);
  const weights = fixedPoint(vertical.weights);
  for (let y = 0; y < window.height; y++) {
    const row = window.top + y;
    const from = ((vertical.first[row] as number) - top) * rowLength;
    const count = vertical.count[row] as number;
    mixRows(middle, from, rowLength, weights, row * vertical.taps, count, out, y * rowLength);
  }
  return out;
}

/** The same by WebAssembly: 16-bit weights, an even number for each position. */
function resampleByKernel(
  { data, stride, box }: Source<Uint8Array>,
  horizontal: Coefficients | undefined,
  vertical: Coefficients | undefined,
  window: Box,
  out: Uint8Array,
): boolean {
  if (horizontal === undefined && vertical === undefined) return false;
  const rowBytes = window.width * 3;
  return runKernels(out, (kernels, frame, outAt) => {
    const top = vertical ? (vertical.first[window.top] as number) : window.top;
    const last = window.top + window.height - 1;
    const bottom = vertical ? (vertical.first[last] as number) + (vertical.count[last] as number) : last + 1;
    const rows = bottom - top;
    const from = frame.in(data) + ((box.top + top) * stride + box.left) * 3;
    const middle = vertical === undefined ? outAt : frame.take(rows * rowBytes);
    if (horizontal) {
      const { weights, taps, bits } = narrowWeights(horizontal);
      const args = [from, stride * 3, rows, frame.in(horizontal.first), frame.in(weights), taps, bits];
      kernels.resample_rows(...args, window.left, window.width, middle);
    } else {
      const all = new Uint8Array(frame.buffer);
      for (let y = 0; y < rows; y++) {
        const at = from + (y * stride + window.left) * 3;
        all.copyWithin(middle + y * rowBytes, at, at + rowBytes);
      }
    }
    if (vertical) {
      const { weights, taps, bits } = narrowWeights(vertical);
      const args = [middle, rowBytes, rows - 1, frame.in(vertical.first), frame.in(weights), taps, bits];
      kernels.resample_columns(...args, window.top, top, window.height, outAt);
    }
  });
}

/** Weights of 16 bits, with as many fractional bits as the largest allows; each position's still sum to exactly 1. */
function narrowWeights({ taps, weights, first, count }: Coefficients) {
  let largest = 0;
  for (const weight of weights) largest = Math.max(largest, Math.abs(weight));
  let bits = 15;
  while (bits > 1 && largest * 2 ** bits > 32767) bits--;
  const one = 2 ** bits;
  let most = 1;
  for (const used of count) most = Math.max(most, used);
  const even = most + (most & 1);
  const out = new Int16Array(first.length * even);
  for (let i = 0; i < first.length; i++) {
    let sum = 0;
    let heaviest = i * even;
    for (let k = 0; k < (count[i] as number); k++) {
      const weight = Math.round((weights[i * taps + k] as number) * one);
      const at = i * even + k;
      out[at] = weight;
      sum += weight;
      if (weight > (out[heaviest] as number)) heaviest = at;
    }
    out[heaviest]! += one - sum;
  }
  return { weights: out, taps: even, bits };
}

function rowOfThree(
  data: Uint8Array,
  from: number,
  { first, count, taps }: Coefficients,
  weights: Int32Array,
  window: Box,
  out: Uint8Array,
  outAt: number,
): void {
  let at = outAt;
  for (let x = window.left, end = window.left + window.width; x < end; x++) {
    let r = half;
    let g = half;
    let b = half;
    let i = from + (first[x] as number) * 3;
    const w = x * taps;
    for (let k = w, kEnd = w + (count[x] as number); k < kEnd; k++) {
      const weight = weights[k] as number;
      r += (data[i] as number) * weight;
      g += (data[i + 1] as number) * weight;
      b += (data[i + 2] as number) * weight;
      i += 3;
    }
    out[at] = clip(r >> precisionBits);
    out[at + 1] = clip(g >> precisionBits);
    out[at + 2] = clip(b >> precisionBits);
    at += 3;
  }
}

function rowOfAny(
  data: Uint8Array,
  from: number,
  channels: number,
  { first, count, taps }: Coefficients,
  weights: Int32Array,
  window: Box,
  out: Uint8Array,
  outAt: number,
): void {
  let at = outAt;
  for (let x = window.left, end = window.left + window.width; x < end; x++) {
    for (let c = 0; c < channels; c++) {
      let sum = half;
      for (let k = 0, n = count[x] as number; k < n; k++) {
        sum += (data[from + ((first[x] as number) + k) * channels + c] as number) * (weights[x * taps + k] as number);
      }
      out[at++] = clip(sum >> precisionBits);
    }
  }
}

function mixRows(
  data: Uint8Array,
  from: number,
  rowLength: number,
  weights: Int32Array,
  weightsAt: number,
  count: number,
  out: Uint8Array,
  outAt: number,
): void {
  if (count === 2) {
    const w0 = weights[weightsAt] as number;
    const w1 = weights[weightsAt + 1] as number;
    for (let i = 0; i < rowLength; i++) {
      const sum = half + (data[from + i] as number) * w0 + (data[from + rowLength + i] as number) * w1;
      out[outAt + i] = clip(sum >> precisionBits);
    }
    return;
  }
  for (let i = 0; i < rowLength; i++) {
    let sum = half;
    let at = from + i;
    for (let k = weightsAt, end = weightsAt + count; k < end; k++) {
      sum += (data[at] as number) * (weights[k] as number);
      at += rowLength;
    }
    out[outAt + i] = clip(sum >> precisionBits);
  }
}

function clip(value: number): number {
  return value < 0 ? 0 : Math.min(value, 255);
}

/** The same in float32 (torch's interpolate): sums in double precision, rounded to float32 after each pass. */
export function resampleFloats(
  source: Source<Float32Array | Uint8Array>,
  horizontal: Coefficients,
  vertical: Coefficients,
): Float32Array {
  const { data, channels, box, stride } = source;
  const width = horizontal.first.length;
  const height = vertical.first.length;
  const rowLength = width * channels;
  const middle = new Float32Array(box.height * rowLength);
  for (let y = 0, at = 0; y < box.height; y++) {
    const from = ((box.top + y) * stride + box.left) * channels;
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let k = 0; k < (horizontal.count[x] as number); k++) {
          const pixel = data[from + ((horizontal.first[x] as number) + k) * channels + c] as number;
          sum += pixel * (horizontal.weights[x * horizontal.taps + k] as number);
        }
        middle[at++] = sum;
      }
    }
  }
  const out = new Float32Array(height * rowLength);
  for (let y = 0; y < height; y++) {
    for (let i = 0; i < rowLength; i++) {
      let sum = 0;
      for (let k = 0; k < (vertical.count[y] as number); k++) {
        const pixel = middle[((vertical.first[y] as number) + k) * rowLength + i] as number;
        sum += pixel * (vertical.weights[y * vertical.taps + k] as number);
      }
      out[y * rowLength + i] = sum;
    }
  }
  return out;
}

/** Copies a part of the source (given relative to the source's own box). */
export function copyBox(source: Source<Uint8Array>, part: Box): Uint8Array {
  const { data, stride, channels, box } = source;
  const out = takeBytes(part.width * part.height * channels);
  const length = part.width * channels;
  for (let y = 0; y < part.height; y++) {
    const from = ((box.top + part.top + y) * stride + box.left + part.left) * channels;
    out.set(data.subarray(from, from + length), y * length);
  }
  return out;
}
