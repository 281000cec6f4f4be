import { noGrad, type Tensor } from "@classifier-training/torch";
import { type Interval, wilsonInterval } from "./interval.ts";

/** A model's predictions for one batch, as plain arrays: they outlive the tensors, and ranks exchange them. */
export interface BatchPredictions {
  /** Positions of the samples in their dataset. */
  readonly indices: readonly number[];
  readonly labels: Int32Array;
  readonly predicted: Int32Array;
  /** Softmax probability of the predicted class, 0..1. */
  readonly confidence: Float32Array;
  /** `[N * K]`, row by row. */
  readonly logits: Float32Array;
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
    const [, numClasses = 0] = logits.shape;
    const rows = logits.detach().to({ dtype: "float32", device: "cpu" }).contiguous().toTypedArray() as Float32Array;
    const targets = Int32Array.from(labels.to({ device: "cpu" }).toTypedArray() as BigInt64Array, Number);
    return predictionsOfRows(rows, targets, indices, numClasses);
  });
}

/** @param logits `[N * K]`, row by row */
export function predictionsOfRows(
  logits: Float32Array,
  labels: Int32Array,
  indices: readonly number[],
  numClasses: number,
): BatchPredictions {
  const n = labels.length;
  const predicted = new Int32Array(n);
  const confidence = new Float32Array(n);
  let nonFinite = 0;
  for (let sample = 0; sample < n; sample++) {
    const row = logits.subarray(sample * numClasses, (sample + 1) * numClasses);
    const best = argmax(row);
    predicted[sample] = best;
    confidence[sample] = Math.exp((row[best] ?? Number.NaN) - logSumExp(row));
    // NaN or infinity anywhere in a row makes its softmax NaN; minus infinity alone is a probability of 0.
    if (!Number.isFinite(confidence[sample])) nonFinite++;
  }
  return { indices, labels, predicted, confidence, logits, numClasses, nonFinite };
}

function argmax(row: Float32Array): number {
  let best = 0;
  for (let k = 1; k < row.length; k++) if ((row[k] as number) > (row[best] as number)) best = k;
  return best;
}

function logSumExp(row: Float32Array): number {
  const largest = row[argmax(row)] ?? Number.NaN;
  let sum = 0;
  for (const value of row) sum += Math.exp(value - largest);
  return largest + Math.log(sum);
}

/** A model's predictions for a split, in the order in which they were made: what all measures of it are computed from. */
export class SplitPredictions {
  readonly numClasses: number;
  readonly indices: number[] = [];
  readonly labels: number[] = [];
  readonly predicted: number[] = [];
  /** Softmax probability of the predicted class, 0..1. */
  readonly confidence: number[] = [];
  /** K logits a sample. */
  readonly logits: Float32Array[] = [];
  /** Samples whose logits are NaN or infinite. */
  readonly nonFinite: number;

  constructor(batches: readonly BatchPredictions[]) {
    this.numClasses = batches[0]?.numClasses ?? 0;
    for (const { indices, labels, predicted, confidence, logits, numClasses } of batches) {
      for (const [i, label] of labels.entries()) {
        this.indices.push(indices[i] ?? -1);
        this.labels.push(label);
        this.predicted.push(predicted[i] ?? -1);
        this.confidence.push(confidence[i] ?? Number.NaN);
        this.logits.push(logits.subarray(i * numClasses, (i + 1) * numClasses));
      }
    }
    this.nonFinite = batches.reduce((sum, batch) => sum + batch.nonFinite, 0);
  }

  get correct(): boolean[] {
    return this.labels.map((label, i) => label === this.predicted[i]);
  }

  get top1(): Interval {
    return wilsonInterval(this.correct.filter(Boolean).length, this.labels.length);
  }

  /** How often the label is among the k classes of the largest logits. */
  topK(k: number): Interval {
    const isWithin = (row: Float32Array, label: number) => {
      const own = row[label] ?? Number.NaN;
      let before = 0;
      for (const [index, value] of row.entries()) if (value > own || (value === own && index < label)) before++;
      return before < k;
    };
    const hits = this.labels.filter((label, i) => isWithin(this.logits[i] as Float32Array, label)).length;
    return wilsonInterval(hits, this.labels.length);
  }

  /** Mean cross entropy, without class weights and label smoothing. */
  get loss(): number {
    const sum = this.labels.reduce((total, label, i) => {
      const row = this.logits[i] as Float32Array;
      return total + logSumExp(row) - (row[label] ?? Number.NaN);
    }, 0);
    return sum / Math.max(1, this.labels.length);
  }

  /** Softmax probabilities, one row of K a sample. */
  get probabilities(): Float32Array[] {
    return this.logits.map((row) => {
      const total = logSumExp(row);
      return row.map((value) => Math.exp(value - total));
    });
  }
}
