import { getLogger, type Problem, parseOptions } from "@classifier-training/base";
import { isTransform, type Transform } from "@classifier-training/image";
import { fromTypedArray, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import type { ImageDataset } from "../datasets/dataset.ts";
import { VisionError } from "../errors.ts";
import { RandomSampler, SequentialSampler } from "../samplers/basic.ts";
import { DistributedBatchSampler, DistributedSampler } from "../samplers/distributed.ts";
import type { Sampler } from "../samplers/sampler.ts";
import { type BatchTransform, type ClassificationBatch, classificationBatch } from "./batch.ts";
import type { Executor } from "./executor.ts";
import { InlineExecutor } from "./inline-executor.ts";
import { type PipelinePlan, planPipeline } from "./pipeline.ts";
import { type LoaderStats, type RawBatch, RawLoader } from "./raw-loader.ts";
import { planThreads } from "./threads.ts";
import { batchImages } from "./to-tensor.ts";
import { WorkerPool } from "./worker-pool.ts";

const log = getLogger("vision.loader");

/** What was said to be skipped, in this process. */
const skipped = new Set<string>();

const samplerOption = z.custom<Sampler>(
  (value) => typeof value === "object" && value !== null && "order" in value && "length" in value,
  "must be a sampler",
);
const whole = (least: number) => z.number().int("must be an integer").min(least, `must be at least ${least}`);

export const dataLoaderOptionsSchema = z.strictObject({
  batchSize: whole(1).default(1),
  /** A new random order each epoch; excludes `sampler`. */
  shuffle: z.boolean().default(false),
  sampler: samplerOption.optional(),
  /** Worker threads; 0 makes batches in the calling thread, on demand. */
  numWorkers: whole(0).default(0),
  /** Start exactly `numWorkers`, even if the machine has too few cores for them. */
  exactWorkers: z.boolean().default(false),
  /** Whether the training step runs on the CPU, so that workers have to give way to it. */
  computeOnCpu: z.boolean().default(true),
  /** Leave out a last batch that is not full; `auto`: one that has a single sample, which batch norm cannot train on. */
  dropLast: z.union([z.boolean(), z.literal("auto")]).default(false),
  transform: z.custom<Transform>(isTransform, "must be a transform").optional(),
  batchTransform: z.custom<BatchTransform>((value) => typeof value === "object" && value !== null).optional(),
  seed: z.number().int().default(0),
  /** Batches that each worker makes ahead. */
  prefetchFactor: whole(1).default(2),
  /** A limit for the memory of the batches made ahead, in bytes. */
  maxPrefetchBytes: whole(1).default(1 << 30),
  /** Keep the workers from one epoch to the next. */
  persistentWorkers: z.boolean().default(true),
  /** Accepted for compatibility; batches lie in shared memory. */
  pinMemory: z.boolean().default(false),
  /** What happens to samples that cannot be decoded: an error, or a smaller batch and a count. */
  onError: z.enum(["raise", "skip"]).default("raise"),
  /** Ends the workers and the iteration when it fires. */
  signal: z.instanceof(AbortSignal).optional(),
});

/** Which part of the samples one process of a distributed run gets. */
export interface LoaderShard {
  readonly rank: number;
  readonly worldSize: number;
  /** All processes get equally many samples, some of them twice where they do not divide; else each sample comes once. */
  readonly training: boolean;
}

export type DataLoaderOptions = z.input<typeof dataLoaderOptionsSchema>;

/**
 * Batches of a dataset's images, made by worker threads in shared memory. Batch b of epoch e holds the same numbers
 * whatever the number of workers, after a resume, and on every rank: each random number is keyed by (seed, epoch, sample,
 * transform).
 */
export class DataLoader {
  readonly dataset: ImageDataset;
  readonly sampler: Sampler;
  readonly options: z.output<typeof dataLoaderOptionsSchema>;
  /** Worker threads that are actually used. */
  readonly workers: number;
  readonly #plan: PipelinePlan;
  #executor: Executor | undefined;
  #raw: RawLoader | undefined;
  #shard: LoaderShard = { rank: 0, worldSize: 1, training: false };
  readonly #past: LoaderStats = { waitMs: 0, batches: 0, images: 0, busyMs: 0, skipped: 0 };

  constructor(dataset: ImageDataset, options: DataLoaderOptions = {}) {
    this.dataset = dataset;
    this.options = parseOptions("DataLoader", dataLoaderOptionsSchema, options, optionsError);
    const { sampler, shuffle, seed, numWorkers, exactWorkers, computeOnCpu, transform } = this.options;
    if (sampler && shuffle)
      throw optionsError({ what: "DataLoader: sampler and shuffle exclude each other: the sampler decides the order" });
    this.sampler =
      sampler ?? (shuffle ? new RandomSampler(dataset.length, { seed }) : new SequentialSampler(dataset.length));
    this.workers = exactWorkers ? numWorkers : planThreads(numWorkers, { computeOnCpu }).workers;
    if (this.workers < numWorkers) {
      log.debug(`num_workers is ${numWorkers}; ${this.workers} used, to leave the cores to the training step`);
    }
    this.#plan = planPipeline(transform);
  }

  /** The loader of one process's shard; itself when its sampler divides the samples already. */
  shard(shard: LoaderShard): DataLoader {
    if (this.sampler instanceof DistributedSampler || this.sampler instanceof DistributedBatchSampler) return this;
    const sampler = shard.training
      ? new DistributedSampler(this.sampler, shard)
      : new DistributedBatchSampler(this.sampler, this.options.batchSize, shard);
    const part = new DataLoader(this.dataset, { ...this.options, shuffle: false, sampler });
    part.#shard = shard;
    return part;
  }

  get batchSize(): number {
    return this.options.batchSize;
  }

  get datasetSize(): number {
    return this.dataset.length;
  }

  get #dropLast(): boolean {
    const { batchSize, dropLast } = this.options;
    const { length } = this.sampler;
    return dropLast === "auto" ? length > 1 && length % batchSize === 1 : dropLast;
  }

  /** Batches per epoch. */
  get length(): number {
    const { batchSize } = this.options;
    return this.#dropLast ? Math.floor(this.sampler.length / batchSize) : Math.ceil(this.sampler.length / batchSize);
  }

  /** The batches of an epoch, from one on. The caller disposes each batch. */
  async *batches({
    epoch,
    startBatch = 0,
  }: {
    epoch: number;
    startBatch?: number;
  }): AsyncGenerator<ClassificationBatch, void, undefined> {
    const { signal, persistentWorkers } = this.options;
    signal?.throwIfAborted();
    const raw = this.#start();
    const onAbort = () => void this.close();
    signal?.addEventListener("abort", onAbort, { once: true });
    let batch = startBatch;
    try {
      for await (const made of raw.batches(epoch, startBatch)) {
        const finished = this.#finish(made, epoch, batch++);
        if (finished) yield finished;
        signal?.throwIfAborted();
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      if (!persistentWorkers || this.#dead()) await this.close();
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<ClassificationBatch, void, undefined> {
    return this.batches({ epoch: 0 });
  }

  #dead(): boolean {
    return this.#executor instanceof WorkerPool && this.#executor.broken;
  }

  #start(): RawLoader {
    if (this.#raw) return this.#raw;
    const { seed, batchSize, prefetchFactor, maxPrefetchBytes, computeOnCpu } = this.options;
    const setup = { source: this.dataset.source, plan: this.#plan, seed, concurrency: 2 };
    if (this.options.dropLast === "auto" && this.#dropLast) {
      log.detail("the last batch of each epoch would hold a single sample, and is left out (drop_last=auto)");
    }
    const nameOf = (index: number) => this.dataset.paths[index] ?? `image ${index}`;
    if (this.workers === 0) {
      const progress = new Int32Array(new SharedArrayBuffer(4));
      this.#executor = new InlineExecutor({ ...setup, concurrency: 1, progress, niceness: 0 });
    } else {
      const niceness = computeOnCpu ? 10 : 0;
      this.#executor = new WorkerPool({ workers: this.workers, setup: { ...setup, niceness }, nameOf });
    }
    this.#raw = new RawLoader(this.#executor, {
      sampler: this.sampler,
      batchSize,
      dropLast: this.#dropLast,
      slots: this.workers === 0 ? 1 : Math.max(2, prefetchFactor * this.workers),
      parts: Math.max(1, this.workers),
      maxBytes: maxPrefetchBytes,
    });
    return this.#raw;
  }

  #finish(raw: RawBatch, epoch: number, batchIndex: number): ClassificationBatch | undefined {
    const { onError, seed, batchTransform } = this.options;
    const [failure] = raw.failures;
    if (failure && (onError === "raise" || !isImageProblem(failure.problem.code)))
      throw new VisionError(failure.problem);
    const failed = new Set(raw.failures.map(({ position }) => position));
    if (failure) this.#reportSkipped(raw);
    const kept = Array.from(raw.indices.keys()).filter((position) => !failed.has(position));
    if (kept.length === 0) return undefined;
    const images = batchImages(raw, kept, this.#plan.tail);
    raw.release();
    const indices = kept.map((position) => raw.indices[position] as number);
    const batch = classificationBatch(images, this.labels(indices), indices);
    // Batches of all processes are numbered as those of one: each mixes in its own way.
    const { rank, worldSize } = this.#shard;
    const key = [seed, epoch, batchIndex * worldSize + rank];
    return batchTransform ? batchTransform.apply(batch, key, this.dataset.classes.length) : batch;
  }

  /** Labels of samples, as a batch has them. @returns [N] int64; of a multilabel dataset [N, K] float32 */
  labels(indices: readonly number[]): Tensor {
    const { labelSets, targets, classToIdx } = this.dataset;
    if (labelSets !== undefined)
      return fromTypedArray(labelSets.rows(indices, classToIdx.size), [indices.length, classToIdx.size]);
    return fromTypedArray(
      BigInt64Array.from(indices, (index) => BigInt(targets[index] as number)),
      [indices.length],
    );
  }

  #reportSkipped(raw: RawBatch): void {
    if (this.#raw) this.#raw.stats.skipped += raw.failures.length;
    for (const { problem } of raw.failures) {
      const text = [problem.where, problem.what].filter(Boolean).join(": ");
      if (skipped.has(text)) continue;
      skipped.add(text);
      if (skipped.size === 1) log.warning(`skipped: ${text}`);
      else log.detail(`skipped: ${text}`);
      if (skipped.size === 2) log.info("more files are skipped: the log file names them");
    }
  }

  /** Time waited, batches and images since the loader was made; the progress bar and the profiler show them. */
  stats(): LoaderStats {
    return sumStats(this.#past, this.#raw?.stats);
  }

  /** Ends the worker threads. The loader may be used again: it starts new ones. */
  async close(): Promise<void> {
    const executor = this.#executor;
    this.#executor = undefined;
    Object.assign(this.#past, this.stats());
    this.#raw = undefined;
    await executor?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function sumStats(a: LoaderStats, b: LoaderStats | undefined): LoaderStats {
  if (b === undefined) return { ...a };
  return {
    waitMs: a.waitMs + b.waitMs,
    batches: a.batches + b.batches,
    images: a.images + b.images,
    busyMs: a.busyMs + b.busyMs,
    skipped: a.skipped + b.skipped,
  };
}

/** Only a bad or too large image may be skipped; a failing transform is a defect. */
function isImageProblem(code: string): boolean {
  return ["image/decode", "image/missing", "image/memory"].includes(code);
}

function optionsError(problem: Omit<Problem, "code">): VisionError {
  return new VisionError({ code: "vision/loader-options", ...problem });
}
