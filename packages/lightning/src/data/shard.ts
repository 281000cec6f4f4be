import { type BatchLoader, disposeBatch, type LoaderPosition, type Shard } from "./batch-loader.ts";

/**
 * One rank's shard of a loader. A loader that knows how divides its samples itself; of another one, whole batches are
 * sharded. In training all ranks get equally many (the first ones come again where they do not suffice); in
 * evaluation each batch goes to one rank, so that every sample counts once.
 */
export function shardOf<B>(loader: BatchLoader<B>, shard: Shard): BatchLoader<B> {
  return loader.shard?.(shard) ?? new ShardedLoader(loader, shard);
}

class ShardedLoader<B> implements BatchLoader<B> {
  readonly length: number;
  declare readonly batchSize?: number;
  declare readonly datasetSize?: number;
  readonly #inner: BatchLoader<B>;
  readonly #shard: Shard;

  constructor(inner: BatchLoader<B>, shard: Shard) {
    this.#inner = inner;
    this.#shard = shard;
    const { batchSize, datasetSize } = inner;
    Object.assign(this, batchSize !== undefined && { batchSize }, datasetSize !== undefined && { datasetSize });
    const { rank, worldSize, training } = shard;
    this.length = Math.max(0, Math.ceil((inner.length - (training ? 0 : rank)) / worldSize));
  }

  get keepsBatches(): boolean {
    return this.#inner.keepsBatches === true;
  }

  async *batches({ epoch, startBatch }: LoaderPosition): AsyncGenerator<B, void, undefined> {
    const { rank, worldSize, training } = this.#shard;
    let index = startBatch * worldSize;
    // A batch is given once its round is known to be complete: no rank may have one more to train on than the others.
    let held: B | undefined;
    for await (const batch of this.#inner.batches({ epoch, startBatch: index })) {
      const turn = index++ % worldSize;
      if (turn === rank) held = batch;
      else if (!this.keepsBatches) disposeBatch(batch);
      if (held !== undefined && (!training || turn === worldSize - 1)) {
        const given = held;
        held = undefined;
        yield given;
      }
    }
    const missing = index % worldSize;
    if (!training || missing === 0 || !Number.isFinite(this.#inner.length)) return;
    if (held !== undefined) {
      yield held;
      return;
    }
    for (let slot = missing; slot <= rank; ) {
      for await (const batch of this.#inner.batches({ epoch, startBatch: 0 })) {
        if (slot++ === rank) {
          yield batch;
          return;
        }
        if (!this.keepsBatches) disposeBatch(batch);
      }
    }
  }

  async close(): Promise<void> {
    await this.#inner.close?.();
  }
}
