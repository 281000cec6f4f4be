import { VisionError } from "../errors.ts";
import type { Sampler } from "../samplers/sampler.ts";
import { countOccurrences } from "../samplers/sampler.ts";
import type { Executor } from "./executor.ts";
import { type Ring, type SampleFailure, type SampleShape, sampleBytes, type TaskResult } from "./protocol.ts";

/** A batch as bytes: valid until `release`. */
export interface RawBatch {
  readonly memory: SharedArrayBuffer;
  /** Where the first sample starts, in bytes. */
  readonly offset: number;
  readonly sample: SampleShape;
  /** Dataset indices of the batch, broken samples included. */
  readonly indices: Int32Array;
  /** left, top, width, height of the erased rectangle of each sample. */
  readonly erase: Int32Array;
  readonly failures: readonly SampleFailure[];
  /** Hands the memory back to the workers. */
  release(): void;
}

export interface RawLoaderOptions {
  readonly sampler: Sampler;
  readonly batchSize: number;
  readonly dropLast: boolean;
  /** Batches in the making or waiting, at most. */
  readonly slots: number;
  /** Parts that a batch is divided into: the number of workers. */
  readonly parts: number;
  /** A limit for the ring in bytes. */
  readonly maxBytes: number;
}

export interface LoaderStats {
  /** Milliseconds that the consumer waited for batches. */
  waitMs: number;
  batches: number;
  images: number;
  /** Milliseconds that workers worked. */
  busyMs: number;
  /** Samples left out because they could not be decoded. */
  skipped: number;
}

/** Plans the epochs, keeps the ring full, and hands out batches in order, whichever worker makes them. */
export class RawLoader {
  readonly stats: LoaderStats = { waitMs: 0, batches: 0, images: 0, busyMs: 0, skipped: 0 };
  readonly #options: RawLoaderOptions;
  readonly #executor: Executor;
  #ring: Ring | undefined;
  #slots = 0;
  /** Tasks still writing into each slot. */
  #writing: Promise<unknown>[] = [];
  #taskId = 0;
  #session = 0;

  constructor(executor: Executor, options: RawLoaderOptions) {
    this.#executor = executor;
    this.#options = options;
  }

  /** Batches per epoch. */
  get length(): number {
    const { sampler, batchSize, dropLast } = this.#options;
    return dropLast ? Math.floor(sampler.length / batchSize) : Math.ceil(sampler.length / batchSize);
  }

  /** The batches of an epoch from `startBatch` on. Starting anew ends an earlier, unfinished iteration. */
  async *batches(epoch: number, startBatch: number): AsyncGenerator<RawBatch, void, undefined> {
    const session = ++this.#session;
    const { sampler, batchSize } = this.#options;
    const order = sampler.order(epoch);
    const occurrences = sampler.occurrences?.(epoch) ?? countOccurrences(order);
    if (this.length === 0 || startBatch >= this.length) return;
    const part = (from: number, to: number) => ({
      id: this.#taskId++,
      epoch,
      indices: order.slice(from, to),
      occurrences: occurrences.slice(from, to),
    });
    this.#ring ??= await this.#makeRing(order, occurrences, epoch);
    const ring = this.#ring;
    this.#executor.useRing(ring);
    const free = Array.from({ length: this.#slots }, (_, slot) => slot);
    const started: { slot: number; from: number; to: number; results: Promise<TaskResult[]> }[] = [];
    let next = startBatch;
    const fill = () => {
      while (next < this.length && free.length > 0) {
        const slot = free.shift() as number;
        const from = next * batchSize;
        const to = Math.min(order.length, from + batchSize);
        const size = Math.ceil((to - from) / this.#options.parts);
        const before = this.#writing[slot];
        const submit = async () => {
          // An abandoned iteration may still have workers writing into the slot.
          await before;
          const tasks: Promise<TaskResult>[] = [];
          for (let at = from; at < to; at += size) {
            const offset = slot * ring.slotBytes + (at - from) * sampleBytes(ring.sample);
            tasks.push(this.#executor.submit({ ...part(at, Math.min(to, at + size)), offset }));
          }
          return tasks;
        };
        const tasks = submit();
        const results = tasks.then((list) => Promise.all(list));
        this.#writing[slot] = tasks.then((list) => Promise.allSettled(list));
        results.catch(() => {});
        started.push({ slot, from, to, results });
        next++;
      }
    };
    fill();
    for (let current = started.shift(); current !== undefined; current = started.shift()) {
      const { slot, from, to } = current;
      const results = await this.#wait(current.results);
      if (session !== this.#session) throw superseded();
      const indices = order.slice(from, to);
      const erase = new Int32Array(4 * indices.length);
      const failures: SampleFailure[] = [];
      let position = 0;
      for (const [i, result] of results.entries()) {
        this.stats.busyMs += result.busyMs;
        if (result.erase) erase.set(result.erase, 4 * position);
        for (const failure of result.failures) failures.push({ ...failure, position: position + failure.position });
        position += i < results.length ? (result.erase?.length ?? 0) / 4 : 0;
      }
      this.stats.batches++;
      this.stats.images += indices.length - failures.length;
      let released = false;
      const release = () => {
        if (released || session !== this.#session) return;
        released = true;
        free.push(slot);
        fill();
      };
      yield {
        memory: ring.memory,
        offset: slot * ring.slotBytes,
        sample: ring.sample,
        indices,
        erase,
        failures,
        release,
      };
      release();
    }
  }

  async #wait<T>(promise: Promise<T>): Promise<T> {
    const started = performance.now();
    this.#executor.hold(true);
    try {
      return await promise;
    } finally {
      this.#executor.hold(false);
      this.stats.waitMs += performance.now() - started;
    }
  }

  /** Makes samples until one succeeds, to learn what they look like, and allocates the ring. */
  async #makeRing(order: Int32Array, occurrences: Int32Array, epoch: number): Promise<Ring> {
    const tries = Math.min(order.length, 64);
    let first: SampleFailure | undefined;
    for (let i = 0; i < tries; i++) {
      const task = {
        id: this.#taskId++,
        epoch,
        indices: order.slice(i, i + 1),
        occurrences: occurrences.slice(i, i + 1),
      };
      const { shape, failures } = await this.#wait(this.#executor.submit(task));
      if (shape) return this.#allocate(shape);
      first ??= failures[0];
    }
    throw new VisionError(first?.problem ?? { code: "vision/loader", what: "no sample could be made" });
  }

  #allocate(sample: SampleShape): Ring {
    const { slots, batchSize, maxBytes, sampler } = this.#options;
    const slotBytes = Math.ceil((sampleBytes(sample) * Math.min(batchSize, Math.max(1, sampler.length))) / 64) * 64;
    this.#slots = Math.max(1, Math.min(slots, Math.floor(maxBytes / slotBytes)));
    return { memory: new SharedArrayBuffer(slotBytes * this.#slots), slotBytes, sample };
  }
}

function superseded(): VisionError {
  return new VisionError({
    code: "vision/loader-superseded",
    what: "the iteration over this data loader ended because another one was started",
    fix: "use one loader for each iteration that runs at the same time",
  });
}
