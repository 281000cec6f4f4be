import { Rng } from "@classifier-training/base";
import { type ByteImage, withPixels } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";
import { runKernels } from "../kernels/instance.ts";

export const poolSize = 1 << 18;
const fractionBits = 11;
let pool: Int16Array | undefined;

/** 2^18 standard normal numbers with 11 fractional bits, in a fixed random order: every quantile once. */
export function normalPool(): Int16Array {
  if (pool) return pool;
  const values = Float64Array.from({ length: poolSize }, (_, i) => normalQuantile((i + 0.5) / poolSize));
  const order = Rng.at("gaussian noise").permutation(poolSize);
  pool = Int16Array.from(order, (i) => Math.round((values[i] as number) * (1 << fractionBits)));
  return pool;
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
 * Adds normal noise to each value, clips to 0..255 and truncates (the original truncates too). Each row of pixels takes
 * its noise from a random place of a pool of normal numbers: as good as new numbers for the eye and the network, and
 * many times cheaper.
 */
export function addGaussianNoise(image: ByteImage, sigma: number, rng: Rng): ByteImage {
  const { data, width, height, channels } = image;
  const rowLength = width * channels;
  if (rowLength > poolSize / 4)
    return addNoise(
      image,
      Float64Array.from(data, () => sigma * rng.normal()),
    );
  const out = takeBytes(data.length);
  const numbers = normalPool();
  const starts = Int32Array.from({ length: height }, () => rng.integer(poolSize - rowLength));
  // sigma with 5 fractional bits: products have 16.
  const factor = Math.round(sigma * 32);
  runKernels(out, (kernels, frame, outAt) => {
    kernels.add_noise(frame.in(data), rowLength, height, frame.constant(numbers), frame.in(starts), factor, outAt);
  });
  return withPixels(image, out, width, height);
}

const clip = (value: number) => (value < 0 ? 0 : Math.min(value, 255));

/** Adds given noise (one number per value), clips and truncates. */
export function addNoise(image: ByteImage, noise: ArrayLike<number>): ByteImage {
  const out = takeBytes(image.data.length);
  for (let i = 0; i < out.length; i++) out[i] = clip((image.data[i] as number) + (noise[i] as number));
  return withPixels(image, out, image.width, image.height);
}
