import type { BatchLoader, LoaderPosition } from "../data/batch-loader.ts";

/** Times since the last turn of the event loop after which a loop lets timers, signals and workers have one. */
const yieldAfterMs = 8;

/** Reads batches of a loader up to a limit, knows which one is the last, and measures the time spent waiting. */
export class BatchSource {
  readonly #iterator: AsyncIterator<unknown>;
  readonly #limit: number;
  readonly #known: boolean;
  #next: Promise<IteratorResult<unknown>> | undefined;
  #count: number;
  waitMs = 0;

  /** @param start batches before `position.startBatch` were done in an earlier run, and count towards the limit */
  constructor(loader: BatchLoader<unknown>, limit: number, position: LoaderPosition) {
    this.#iterator = loader.batches(position)[Symbol.asyncIterator]();
    this.#limit = limit;
    this.#known = Number.isFinite(limit);
    this.#count = position.startBatch;
  }

  /** The next batch; undefined when there is none. */
  async next(): Promise<{ readonly batch: unknown; readonly isLast: boolean } | undefined> {
    if (this.#count >= this.#limit) return undefined;
    const begin = performance.now();
    const result = await (this.#next ?? this.#iterator.next());
    this.#next = undefined;
    if (result.done === true) {
      this.waitMs += performance.now() - begin;
      return undefined;
    }
    this.#count++;
    let isLast = this.#count >= this.#limit;
    if (!this.#known) {
      // Of a loader without a length, only a look ahead tells.
      this.#next = this.#iterator.next();
      isLast = (await this.#next).done === true;
    }
    this.waitMs += performance.now() - begin;
    return { batch: result.value, isLast };
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

/** Lets the event loop turn now and then: a loop whose awaits are all settled would starve it. */
export class EventLoopYielder {
  #last = performance.now();

  async maybeYield(): Promise<void> {
    const now = performance.now();
    if (now - this.#last < yieldAfterMs) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#last = performance.now();
  }
}
