import type { Rng } from "@classifier-training/base";
import { takeBytes } from "../image/buffers.ts";
import { type ByteImage, withPixels } from "../image/image.ts";
import { allocate, memory } from "../kernels/heap.ts";
import { type Frame, runKernels } from "../kernels/instance.ts";

const bits = 14;
let quantiles: Float32Array | undefined;

/** Quantiles of the standard normal distribution at 2^14 equally likely places. */
function normalTable(): Float32Array {
  if (quantiles) return quantiles;
  const size = 1 << bits;
  quantiles = Float32Array.from({ length: size }, (_, i) => normalQuantile((i + 0.5) / size));
  // The table's variance falls short of 1 by what the cut-off tails hold.
  const variance = quantiles.reduce((sum, value) => sum + value * value, 0) / size;
  for (let i = 0; i < size; i++) quantiles[i]! /= Math.sqrt(variance);
  return quantiles;
}

/** Inverse of the normal distribution function (P. J. Acklam's rational approximation, relative error below 1.2e-9). */
function normalQuantile(p: number): number {
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p));
    return (
      (((((-7.784894002430293e-3 * q - 0.3223964580411365) * q - 2.400758277161838) * q - 2.549732539343734) * q +
        4.374664141464968) *
        q +
        2.938163982698783) /
      ((((7.784695709041462e-3 * q + 0.3224671290700398) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1)
    );
  }
  const q = p - 0.5;
  const r = q * q;
  return (
    ((((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r + 138.357751867269) * r -
      30.66479806614716) *
      r +
      2.506628277459239) *
      q) /
    (((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r + 66.80131188771972) * r -
      13.28068155288572) *
      r +
      1)
  );
}

/**
 * Adds independent normal noise to each value, clips to 0..255 and truncates (the original truncates too).
 * The noise is drawn from a table by a xoshiro128++ stream seeded from `rng`: one multiplication a value, not a logarithm.
 */
export function addGaussianNoise(image: ByteImage, sigma: number, rng: Rng): ByteImage {
  const { data } = image;
  const out = takeBytes(data.length);
  const table = normalTable();
  const mask = (1 << bits) - 1;
  const state = Uint32Array.of(rng.uint32(), rng.uint32(), rng.uint32(), rng.uint32() | 1);
  const done = runKernels(out, (kernels, frame, outAt) => {
    const from = frame.in(data);
    const quantilesAt = tableAddress(table, frame);
    const stateAt = frame.in(state);
    if (!frame.failed) kernels.add_noise(from, data.length, quantilesAt, bits, sigma, stateAt, outAt);
  });
  if (done) return withPixels(image, out, image.width, image.height);
  let [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = state;
  for (let i = 0; i < data.length; i += 2) {
    const sum = (s0 + s3) | 0;
    const word = (((sum << 7) | (sum >>> 25)) + s0) | 0;
    const t = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = (s3 << 11) | (s3 >>> 21);
    out[i] = clip((data[i] as number) + sigma * (table[word & mask] as number));
    if (i + 1 < data.length)
      out[i + 1] = clip((data[i + 1] as number) + sigma * (table[word >>> (32 - bits)] as number));
  }
  return withPixels(image, out, image.width, image.height);
}

let tableAt = 0;

/** The table is copied into the kernels' memory once, and stays there. */
function tableAddress(table: Float32Array, frame: Frame): number {
  if (tableAt === 0) {
    tableAt = allocate(table.byteLength);
    if (tableAt === 0) frame.failed = true;
    else new Float32Array(memory.buffer, tableAt, table.length).set(table);
  }
  return tableAt;
}

const clip = (value: number) => (value < 0 ? 0 : Math.min(value, 255));

/** Adds given noise (one number per value), clips and truncates. */
export function addNoise(image: ByteImage, noise: ArrayLike<number>): ByteImage {
  const out = takeBytes(image.data.length);
  for (let i = 0; i < out.length; i++) out[i] = clip((image.data[i] as number) + (noise[i] as number));
  return withPixels(image, out, image.width, image.height);
}
