import { noGrad, type Tensor } from "@classifier-training/torch";

/** What a model said of a batch, as plain arrays: it outlives the tensors, and every callback reads the same one. */
export interface BatchPredictions {
  /** Positions of the samples in their dataset. */
  readonly indices: readonly number[];
  readonly labels: Int32Array;
  readonly predicted: Int32Array;
  /** Softmax probability of the predicted class, 0..1. */
  readonly confidence: Float32Array;
  /** Softmax probabilities, `[N * K]` row by row. */
  readonly probabilities: Float32Array;
  readonly numClasses: number;
  /** Samples whose logits are NaN or infinite: nothing above is of use for them. */
  readonly nonFinite: number;
}

/**
 * @param logits [N, K], float
 * @param labels [N], int64
 */
export function predictionsOf(logits: Tensor, labels: Tensor, indices: readonly number[]): BatchPredictions {
  return noGrad(() => {
    const [n = 0, numClasses = 0] = logits.shape;
    const probabilities = logits
      .detach()
      .to({ dtype: "float32", device: "cpu" })
      .softmax(1)
      .toTypedArray() as Float32Array;
    const predicted = new Int32Array(n);
    const confidence = new Float32Array(n);
    let nonFinite = 0;
    for (let row = 0; row < n; row++) {
      let best = 0;
      for (let k = 1; k < numClasses; k++) {
        if ((probabilities[row * numClasses + k] as number) > (probabilities[row * numClasses + best] as number))
          best = k;
      }
      predicted[row] = best;
      confidence[row] = probabilities[row * numClasses + best] as number;
      // The largest of probabilities among which there is a NaN is a NaN, too: softmax makes all of a row so.
      if (!Number.isFinite(confidence[row])) nonFinite++;
    }
    const labelArray = Int32Array.from(labels.to({ device: "cpu" }).toTypedArray() as BigInt64Array, Number);
    return { indices, labels: labelArray, predicted, confidence, probabilities, numClasses, nonFinite };
  });
}
