import { LightningError } from "../utilities/errors.ts";

/** Where in the training an iteration over batches starts. */
export interface LoaderPosition {
  readonly epoch: number;
  /** Batches of the epoch to leave out: those that were trained on before an interruption. */
  readonly startBatch: number;
}

/** Which part of the data one process of a distributed run gets. */
export interface Shard {
  readonly rank: number;
  readonly worldSize: number;
  /** In training all ranks need equally many batches; in evaluation every sample must come once. */
  readonly training: boolean;
}

export interface LoaderStats {
  /** Time the training thread has waited for batches. */
  readonly waitMs: number;
  readonly batches: number;
  readonly images: number;
}

/**
 * Batches by position. It keeps no state of its own: the same (seed, epoch, batch) gives the same content, whatever
 * the number of workers and wherever the iteration started.
 */
export interface BatchLoader<B> {
  /** Batches of an epoch. */
  readonly length: number;
  readonly batchSize?: number;
  /** Samples of an epoch. */
  readonly datasetSize?: number;
  batches(position: LoaderPosition): AsyncIterable<B>;
  close?(): Promise<void>;
  stats?(): LoaderStats;
  /** A loader of one rank's shard; whole batches are sharded when it is absent. */
  shard?(shard: Shard): BatchLoader<B>;
  /** Its batches are handed out again, so the loop must not free them (true of arrays and plain iterables). */
  readonly keepsBatches?: boolean;
}

/** What a `...Dataloader()` hook may return: a loader, an array of batches, or any iterable of batches. */
export type LoaderLike<B = unknown> = BatchLoader<B> | Iterable<B> | AsyncIterable<B>;

/** One loader, or several that are read one after the other (evaluation only). */
export type LoaderSource<B = unknown> = LoaderLike<B> | readonly BatchLoader<B>[];

export function isBatchLoader(value: unknown): value is BatchLoader<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { batches?: unknown }).batches === "function";
}

/** Views anything iterable as a loader. One of unknown length says `Infinity`. */
export function asBatchLoader(source: unknown, hook: string): BatchLoader<unknown> {
  if (isBatchLoader(source)) return source;
  if (Array.isArray(source)) return fromArray(source);
  if (typeof source === "object" && source !== null && (Symbol.iterator in source || Symbol.asyncIterator in source)) {
    return fromIterable(source as Iterable<unknown> | AsyncIterable<unknown>);
  }
  throw new LightningError({
    code: "lightning/loader",
    what: `${hook}(): expected a loader of batches, received ${source === null ? "null" : typeof source}`,
    fix: "return a loader ({ length, batches(position) }), an array of batches, or an iterable of batches",
  });
}

function fromArray(batches: readonly unknown[]): BatchLoader<unknown> {
  return {
    length: batches.length,
    keepsBatches: true,
    async *batches({ startBatch }) {
      yield* batches.slice(startBatch);
    },
  };
}

function fromIterable(source: Iterable<unknown> | AsyncIterable<unknown>): BatchLoader<unknown> {
  const { length, size } = source as { length?: unknown; size?: unknown };
  return {
    length: typeof length === "number" ? length : typeof size === "number" ? size : Number.POSITIVE_INFINITY,
    keepsBatches: true,
    async *batches({ startBatch }) {
      let index = 0;
      for await (const batch of source) {
        if (index++ >= startBatch) yield batch;
      }
    },
  };
}

/** Several loaders, when a hook returned an array of loaders; else the one. */
export function asLoaderList(source: unknown, hook: string): readonly BatchLoader<unknown>[] {
  if (Array.isArray(source) && source.length > 0 && source.every(isLoaderNotBatch)) {
    return source.map((loader) => asBatchLoader(loader, hook));
  }
  return [asBatchLoader(source, hook)];
}

function isLoaderNotBatch(value: unknown): boolean {
  return isBatchLoader(value);
}

/** Frees a batch's tensors, when it says how. */
export function disposeBatch(batch: unknown): void {
  if (typeof batch !== "object" || batch === null) return;
  const dispose = (batch as { [Symbol.dispose]?: () => void })[Symbol.dispose];
  if (typeof dispose === "function") dispose.call(batch);
}
