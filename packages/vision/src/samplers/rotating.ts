import { Rng } from "@classifier-training/base";
import type { Sampler } from "./sampler.ts";

/**
 * The first samples of the dataset all, and some of the others, shuffled anew each epoch. The others take turns: each of
 * them comes before any of them comes again.
 */
export class RotatingSampler implements Sampler {
  readonly length: number;
  readonly #always: number;
  readonly #others: number;
  readonly #perEpoch: number;
  readonly #seed: number;

  /**
   * @param always how many samples at the dataset's beginning are visited in every epoch
   * @param others how many follow them
   * @param perEpoch how many of those an epoch visits; all of them where there are no more
   */
  constructor(always: number, others: number, perEpoch: number, { seed = 0 }: { seed?: number } = {}) {
    this.#always = always;
    this.#others = others;
    this.#perEpoch = Math.min(perEpoch, others);
    this.length = always + this.#perEpoch;
    this.#seed = seed;
  }

  order(epoch: number): Int32Array {
    const visited = Int32Array.from({ length: this.length }, (_, i) => i);
    visited.set(this.#turn(epoch), this.#always);
    return Int32Array.from(Rng.at(this.#seed, epoch, "sampler").permutation(this.length), (i) => visited[i] as number);
  }

  /** The others that are visited in this epoch: a window on one round after another, each in an order of its own. */
  #turn(epoch: number): Int32Array {
    const turn = new Int32Array(this.#perEpoch);
    const start = epoch * this.#perEpoch;
    let round = -1;
    let order: ArrayLike<number> = [];
    for (let i = 0; i < turn.length; i++) {
      const at = start + i;
      if (Math.floor(at / this.#others) !== round) {
        round = Math.floor(at / this.#others);
        order = Rng.at(this.#seed, round, "rounds").permutation(this.#others);
      }
      turn[i] = this.#always + (order[at % this.#others] as number);
    }
    return turn;
  }
}
