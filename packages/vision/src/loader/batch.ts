import type { Tensor } from "@classifier-training/torch";

/** A batch for classification; the receiver disposes it. */
export interface ClassificationBatch extends Disposable {
  /** [N, 3, H, W] float32, channels_last. */
  readonly images: Tensor;
  /** [N] int64; [N, K] float32 after MixUp or CutMix, and of a multilabel dataset: 1 for the classes of a sample. */
  readonly labels: Tensor;
  /** Dataset indices of the samples. */
  readonly indices: readonly number[];
}

/** Changes whole batches, as MixUp does. It owns the batch that it is given. */
export interface BatchTransform {
  /**
   * @param key seed, epoch and batch number: names the random stream
   * @param numClasses of the data, for soft labels
   */
  apply(batch: ClassificationBatch, key: readonly number[], numClasses?: number): ClassificationBatch;
}

/** A batch of these tensors, which it owns. */
export function classificationBatch(images: Tensor, labels: Tensor, indices: readonly number[]): ClassificationBatch {
  return {
    images,
    labels,
    indices,
    [Symbol.dispose]() {
      images.dispose();
      labels.dispose();
    },
  };
}
