import { takeBytes } from "../kernels/buffers.ts";
import { runKernels } from "../kernels/instance.ts";
import type { Coefficients } from "./coefficients.ts";
import { viaRgb } from "./via-rgb.ts";

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

/**
 * Pillow's two-pass resampling of uint8 pixels: horizontal, rounded to 8 bits, then vertical. The weights have 16 bits and
 * are an even number for each position. Only `window` of the output is computed (a crop after the resize costs nothing).
 * An axis without coefficients is copied.
 */
export function resampleBytes(
  source: Source<Uint8Array>,
  horizontal: Coefficients | undefined,
  vertical: Coefficients | undefined,
  window: Box,
): Uint8Array {
  if (horizontal === undefined && vertical === undefined) return copyBox(source, window);
  const { data, stride, channels, box } = source;
  if (channels !== 3) {
    return viaRgb(source, (rgb) => resampleBytes({ ...source, data: rgb, channels: 3 }, horizontal, vertical, window));
  }
  const rowBytes = window.width * 3;
  const out = takeBytes(window.height * rowBytes);
  runKernels(out, (kernels, frame, outAt) => {
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
  return out;
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
