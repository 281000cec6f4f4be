import { Rng } from "@classifier-training/base";
import type { Sampler } from "./sampler.ts";

/** All samples in the dataset's order. */
export class SequentialSampler implements Sampler {
  readonly length: number;

  constructor(length: number) {
    this.length = length;
  }

  order(): Int32Array {
    return Int32Array.from({ length: this.length }, (_, i) => i);
  }
}

/** All samples once, shuffled anew each epoch. */
export class RandomSampler implements Sampler {
  readonly length: number;
  readonly #seed: number;

  constructor(length: number, { seed = 0 }: { seed?: number } = {}) {
    this.length = length;
    this.#seed = seed;
  }

  order(epoch: number): Int32Array {
    return Int32Array.from(Rng.at(this.#seed, epoch, "sampler").permutation(this.length));
  }
}

/** The given samples, shuffled anew each epoch or in the given order. */
export class SubsetSampler implements Sampler {
  readonly length: number;
  readonly #indices: Int32Array;
  readonly #shuffle: boolean;
  readonly #seed: number;

  constructor(indices: ArrayLike<number>, { shuffle = true, seed = 0 }: { shuffle?: boolean; seed?: number } = {}) {
    this.#indices = Int32Array.from(indices);
    this.length = this.#indices.length;
    this.#shuffle = shuffle;
    this.#seed = seed;
  }

  order(epoch: number): Int32Array {
    if (!this.#shuffle) return this.#indices.slice();
    const permutation = Rng.at(this.#seed, epoch, "sampler").permutation(this.length);
    return Int32Array.from(permutation, (i) => this.#indices[i] as number);
  }
}
