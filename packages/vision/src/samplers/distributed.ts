import { VisionError } from "../errors.ts";
import { countOccurrences, type Sampler } from "./sampler.ts";

export interface DistributedOptions {
  readonly rank: number;
  readonly worldSize: number;
  /** Leave the last samples out instead of repeating the first ones, when they do not divide evenly. */
  readonly dropLast?: boolean;
}

/**
 * Gives each process every `worldSize`-th sample of another sampler's order, all processes equally many. All use the same
 * inner sampler with the same seed, so that together they see what one process would.
 */
export class DistributedSampler implements Sampler {
  readonly length: number;
  readonly inner: Sampler;
  readonly #options: DistributedOptions;

  constructor(inner: Sampler, options: DistributedOptions) {
    const { rank, worldSize, dropLast = false } = options;
    if (!(Number.isInteger(rank) && Number.isInteger(worldSize) && rank >= 0 && rank < worldSize)) {
      throw new VisionError({
        code: "vision/rank",
        what: `rank: expected 0 to ${worldSize - 1}, received ${rank}`,
      });
    }
    this.inner = inner;
    this.#options = options;
    this.length = dropLast ? Math.floor(inner.length / worldSize) : Math.ceil(inner.length / worldSize);
  }

  order(epoch: number): Int32Array {
    return this.#part(this.inner.order(epoch));
  }

  occurrences(epoch: number): Int32Array {
    const order = this.inner.order(epoch);
    // Repeated samples at the end count as further occurrences.
    const { worldSize } = this.#options;
    const padded = Int32Array.from({ length: this.length * worldSize }, (_, i) => order[i % order.length] as number);
    return this.#part(countOccurrences(padded));
  }

  #part(order: Int32Array): Int32Array {
    const { rank, worldSize } = this.#options;
    return Int32Array.from({ length: this.length }, (_, i) => order[(i * worldSize + rank) % order.length] as number);
  }
}

/**
 * Gives each process whole batches of another sampler's order, in turn, so that each sample comes to one process once
 * and every batch is one that a single process would have made. For evaluation: the processes may have one batch more
 * or less than each other.
 */
export class DistributedBatchSampler implements Sampler {
  readonly length: number;
  readonly inner: Sampler;
  readonly #batchSize: number;
  readonly #rank: number;
  readonly #worldSize: number;

  constructor(inner: Sampler, batchSize: number, { rank, worldSize }: Pick<DistributedOptions, "rank" | "worldSize">) {
    this.inner = inner;
    this.#batchSize = batchSize;
    this.#rank = rank;
    this.#worldSize = worldSize;
    this.length = this.#part(Int32Array.from({ length: inner.length }, (_, i) => i)).length;
  }

  order(epoch: number): Int32Array {
    return this.#part(this.inner.order(epoch));
  }

  occurrences(epoch: number): Int32Array {
    return this.#part(this.inner.occurrences?.(epoch) ?? countOccurrences(this.inner.order(epoch)));
  }

  #part(order: Int32Array): Int32Array {
    return order.filter((_, i) => Math.floor(i / this.#batchSize) % this.#worldSize === this.#rank);
  }
}
