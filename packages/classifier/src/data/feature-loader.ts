import { fromTypedArray } from "@classifier-training/torch";
import { type ClassificationBatch, classificationBatch, type DataLoader } from "@classifier-training/vision";

/** Features of the images of a dataset. */
export interface FeatureTable {
  /** Values of an image. */
  readonly size: number;
  /** By index in the dataset; undefined for images that cannot be read. */
  readonly rows: readonly (Float32Array | undefined)[];
}

/** The batches of a loader with features in place of images, [N, F]: in its order, and without its transforms. */
export class FeatureLoader {
  readonly #images: DataLoader;
  readonly #table: FeatureTable;

  constructor(images: DataLoader, table: FeatureTable) {
    this.#images = images;
    this.#table = table;
  }

  /** The loader of one process. */
  shard(shard: Parameters<DataLoader["shard"]>[0]): FeatureLoader {
    return new FeatureLoader(this.#images.shard(shard), this.#table);
  }

  get batchSize(): number {
    return this.#images.batchSize;
  }

  get datasetSize(): number {
    return this.#images.datasetSize;
  }

  get length(): number {
    return this.#images.length;
  }

  async *batches({
    epoch,
    startBatch = 0,
  }: {
    epoch: number;
    startBatch?: number;
  }): AsyncGenerator<ClassificationBatch, void, undefined> {
    const { rows, size } = this.#table;
    const order = this.#images.sampler.order(epoch);
    for (let batch = startBatch; batch < this.length; batch++) {
      const sampled = order.subarray(batch * this.batchSize, (batch + 1) * this.batchSize);
      const indices = Array.from(sampled).filter((index) => rows[index] !== undefined);
      if (indices.length === 0) continue;
      const values = new Float32Array(indices.length * size);
      for (const [i, index] of indices.entries()) values.set(rows[index] as Float32Array, i * size);
      const features = fromTypedArray(values, [indices.length, size]);
      yield classificationBatch(features, this.#images.labels(indices), indices);
    }
  }

  async close(): Promise<void> {}
}
