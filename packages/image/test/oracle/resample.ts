import type { Coefficients } from "../../src/functional/coefficients.ts";
import type { Box, Source } from "../../src/functional/resample.ts";

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

/** Pillow's two-pass resampling with its own 22-bit weights. */
export function resampleBytes(
  { data, stride, channels, box }: Source<Uint8Array>,
  horizontal: Coefficients | undefined,
  vertical: Coefficients | undefined,
  window: Box,
): Uint8Array {
  const rowLength = window.width * channels;
  const rows = box.height;
  const middle = new Uint8Array(rows * rowLength);
  const xWeights = horizontal && fixedPoint(horizontal.weights);
  for (let y = 0, at = 0; y < rows; y++) {
    const from = ((box.top + y) * stride + box.left) * channels;
    for (let x = window.left; x < window.left + window.width; x++) {
      for (let c = 0; c < channels; c++, at++) {
        if (horizontal === undefined || xWeights === undefined) middle[at] = data[from + x * channels + c] as number;
        else {
          const first = from + (horizontal.first[x] as number) * channels + c;
          middle[at] = mix(data, first, channels, xWeights, x * horizontal.taps, horizontal.count[x] as number);
        }
      }
    }
  }
  const out = new Uint8Array(window.height * rowLength);
  const yWeights = vertical && fixedPoint(vertical.weights);
  for (let y = window.top, at = 0; y < window.top + window.height; y++) {
    for (let i = 0; i < rowLength; i++, at++) {
      if (vertical === undefined || yWeights === undefined) out[at] = middle[y * rowLength + i] as number;
      else {
        const first = (vertical.first[y] as number) * rowLength + i;
        out[at] = mix(middle, first, rowLength, yWeights, y * vertical.taps, vertical.count[y] as number);
      }
    }
  }
  return out;
}

function mix(data: Uint8Array, from: number, step: number, weights: Int32Array, at: number, count: number): number {
  let sum = half;
  for (let k = 0; k < count; k++) sum += (data[from + k * step] as number) * (weights[at + k] as number);
  return Math.max(0, Math.min(255, sum >> precisionBits));
}
