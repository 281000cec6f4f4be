import { softmax } from "./top-k.ts";

/** A probability below this counts as this: no single image excludes a class. */
const smallest = 1e-6;

/** How readable an image is, by its logits: the probability of its most probable class, 0..1. */
export function legibility(logits: ArrayLike<number>, temperature: number): number {
  return softmax(logits, temperature).reduce((most, value) => Math.max(most, value), 0);
}

/**
 * One answer for several images of the same thing, such as the frames of a track: the mean of their log-probabilities, each
 * image weighted by its legibility. The class of the largest sum wins; as a mean, it is no more confident for more images,
 * which are rarely independent.
 *
 * @param rows K logits of each image, at least one
 * @returns K logits, to be divided by the same temperature
 */
export function vote(rows: readonly ArrayLike<number>[], temperature: number): Float32Array {
  const sums = new Float64Array(rows[0]?.length ?? 0);
  let total = 0;
  for (const row of rows) {
    const weight = legibility(row, temperature);
    total += weight;
    for (const [k, p] of softmax(row, temperature).entries()) sums[k]! += weight * Math.log(Math.max(smallest, p));
  }
  return Float32Array.from(sums, (sum) => (temperature * sum) / total);
}
