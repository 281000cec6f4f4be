import { Rng } from "@classifier-training/base";
import type { Sampler } from "./sampler.ts";

/**
 * Another sampler's order, in which samples that are switched off are replaced by ones that are on. The length stays,
 * so that samples can be switched between epochs.
 */
export class SubstitutingSampler implements Sampler {
  readonly inner: Sampler;
  readonly #enabled: Uint8Array;
  readonly #seed: number;
  /** The order of the last epoch. */
  lastOrder: Int32Array | undefined;

  /** @param enabled for each sample of the dataset whether it may be sampled: 1 or 0; looked at when an epoch starts */
  constructor(inner: Sampler, enabled: Uint8Array, { seed = 0 }: { seed?: number } = {}) {
    this.inner = inner;
    this.#enabled = enabled;
    this.#seed = seed;
  }

  get length(): number {
    return this.inner.length;
  }

  order(epoch: number): Int32Array {
    this.lastOrder = this.#substituted(this.inner.order(epoch), epoch);
    return this.lastOrder;
  }

  #substituted(order: Int32Array, epoch: number): Int32Array {
    const enabled = this.#enabled;
    const substitutes = Int32Array.from(enabled.keys()).filter((index) => enabled[index] === 1);
    if (substitutes.length === enabled.length || substitutes.length === 0) return order;
    const shuffled = Rng.at(this.#seed, epoch, "substitutes").permutation(substitutes.length);
    let next = 0;
    const substitute = () => substitutes[shuffled[next++ % shuffled.length] as number] as number;
    return order.map((index) => (enabled[index] === 1 ? index : substitute()));
  }
}
