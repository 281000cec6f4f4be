import { VisionError } from "../errors.ts";
import type { Sampler } from "./sampler.ts";

/**
 * Each sample several times in a row, every time augmented otherwise (repeated augmentation: Hoffer et al. 2020, Touvron
 * et al. 2021). An epoch stays as long as without: it visits a part of another sampler's order, the next epoch continues
 * where it ended, and in `repeats` epochs each sample came as often as it would have come anyway. Of several processes
 * (`DistributedSampler` around it), neighbors get the copies of one sample.
 */
export class RepeatedAugmentationSampler implements Sampler {
  readonly inner: Sampler;
  readonly #repeats: number;

  /** @param repeats copies of a sample in an epoch; 1 leaves the order as it is */
  constructor(inner: Sampler, repeats: number) {
    if (!(Number.isInteger(repeats) && repeats >= 1)) {
      throw new VisionError({
        code: "vision/repeated-augmentation",
        what: `repeats: expected an integer of at least 1, received ${repeats}`,
      });
    }
    this.inner = inner;
    this.#repeats = repeats;
  }

  get length(): number {
    return this.inner.length;
  }

  order(epoch: number): Int32Array {
    const round = this.inner.order(Math.floor(epoch / this.#repeats));
    const start = (epoch % this.#repeats) * round.length;
    return Int32Array.from(round, (_, i) => round[Math.floor((start + i) / this.#repeats)] as number);
  }
}
