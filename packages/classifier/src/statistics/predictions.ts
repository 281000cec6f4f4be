import { describeInterval, type Interval, wilsonInterval } from "@classifier-training/runs";
import { noGrad, type Tensor } from "@classifier-training/torch";

/** A model's predictions for one batch, as plain arrays: they outlive the tensors, and ranks exchange them. */
export interface BatchPredictions {
  /** Positions of the samples in their dataset. */
  readonly indices: readonly number[];
  /** Of multilabel samples: one of the classes, or -1; `targets` has them all. */
  readonly labels: Int32Array;
  readonly predicted: Int32Array;
  /** Softmax probability of the predicted class, 0..1; multilabel: its sigmoid probability. */
  readonly confidence: Float32Array;
  /** `[N * K]` of multilabel samples: 1 for the classes of a sample. */
  readonly targets?: Uint8Array;
  /** `[N * K]`, row by row. */
  readonly logits: Float32Array;
  readonly numClasses: number;
  /** Samples whose logits are NaN or infinite: nothing above is of use for them. */
  readonly nonFinite: number;
}

/**
 * @param logits [N, K], float
 * @param labels [N], int64; or [N, K], 1 for the classes of a multilabel sample
 */
export function predictionsOf(logits: Tensor, labels: Tensor, indices: readonly number[]): BatchPredictions {
  return noGrad(() => {
    const [, numClasses = 0] = logits.shape;
    const rows = logits.detach().to({ dtype: "float32", device: "cpu" }).contiguous().toTypedArray() as Float32Array;
    return predictionsOfRows(rows, labelsOf(labels), indices, numClasses);
  });
}

/** The labels of a batch as plain numbers. @param labels [N] int64, or [N, K] of multilabel samples */
export function labelsOf(labels: Tensor): Int32Array | Uint8Array {
  const values = labels.detach().to({ device: "cpu" }).contiguous().toTypedArray();
  return labels.ndim === 2 ? Uint8Array.from(values as Float32Array) : Int32Array.from(values as BigInt64Array, Number);
}

/**
 * @param logits `[N * K]`, row by row
 * @param truth class indices [N], or a Uint8Array [N * K] with 1 for the classes of a multilabel sample
 */
export function predictionsOfRows(
  logits: Float32Array,
  truth: Int32Array | Uint8Array,
  indices: readonly number[],
  numClasses: number,
): BatchPredictions {
  const targets = truth instanceof Uint8Array ? truth : undefined;
  const labels = truth instanceof Uint8Array ? firstClasses(truth, numClasses) : truth;
  const n = labels.length;
  const predicted = new Int32Array(n);
  const confidence = new Float32Array(n);
  let nonFinite = 0;
  for (let sample = 0; sample < n; sample++) {
    const row = logits.subarray(sample * numClasses, (sample + 1) * numClasses);
    const best = argmax(row);
    predicted[sample] = best;
    const total = targets === undefined ? logSumExp(row) : sigmoidTotal(row);
    confidence[sample] = Math.exp((row[best] ?? Number.NaN) - total);
    // NaN or infinity anywhere in a row makes its softmax NaN; minus infinity alone is a probability of 0.
    if (!Number.isFinite(confidence[sample])) nonFinite++;
  }
  return { indices, labels, predicted, confidence, logits, numClasses, nonFinite, ...(targets && { targets }) };
}

/** What a sigmoid divides the exponential of the largest logit by; NaN when any logit is. */
function sigmoidTotal(row: Float32Array): number {
  const largest = row.some(Number.isNaN) ? Number.NaN : (row[argmax(row)] ?? Number.NaN);
  return largest + Math.log1p(Math.exp(-largest));
}

/** -1 for a sample of no class. */
function firstClasses(targets: Uint8Array, numClasses: number): Int32Array {
  return Int32Array.from({ length: targets.length / numClasses }, (_, n) =>
    targets.subarray(n * numClasses, (n + 1) * numClasses).indexOf(1),
  );
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

/** What a split is judged by. */
export interface Score {
  readonly name: "top-1" | "mAP";
  readonly value: number;
  /** With its name and its 95% interval. */
  describe(): string;
}

/** A model's predictions for a split, in the order in which they were made: what all measures of it are computed from. */
export class SplitPredictions {
  readonly numClasses: number;
  readonly indices: number[] = [];
  readonly labels: number[] = [];
  readonly predicted: number[] = [];
  /** Softmax probability of the predicted class, 0..1, at the temperature. */
  readonly confidence: readonly number[];
  /** K logits a sample. */
  readonly logits: Float32Array[] = [];
  /** Samples whose logits are NaN or infinite. */
  readonly nonFinite: number;
  /** What logits are divided by before softmax. */
  readonly temperature: number;
  readonly #batches: readonly BatchPredictions[];

  constructor(batches: readonly BatchPredictions[], temperature = 1) {
    this.temperature = temperature;
    this.#batches = batches;
    this.numClasses = batches[0]?.numClasses ?? 0;
    const raw: number[] = [];
    for (const { indices, labels, predicted, confidence, logits, numClasses } of batches) {
      for (const [i, label] of labels.entries()) {
        this.indices.push(indices[i] ?? -1);
        this.labels.push(label);
        this.predicted.push(predicted[i] ?? -1);
        raw.push(confidence[i] ?? Number.NaN);
        this.logits.push(logits.subarray(i * numClasses, (i + 1) * numClasses));
      }
    }
    this.nonFinite = batches.reduce((sum, batch) => sum + batch.nonFinite, 0);
    this.confidence = temperature === 1 ? raw : this.predicted.map((k, i) => this.probabilitiesOf(i)[k] ?? Number.NaN);
  }

  /** The same predictions with another temperature. */
  atTemperature(temperature: number): SplitPredictions {
    return new SplitPredictions(this.#batches, temperature);
  }

  get correct(): boolean[] {
    return this.errors.map((wrong) => wrong === 0);
  }

  /** How many labels of each sample are wrong. */
  get errors(): number[] {
    return this.labels.map((label, i) => (label === this.predicted[i] ? 0 : 1));
  }

  get score(): Score {
    const { top1 } = this;
    return { name: "top-1", value: top1.value, describe: () => `top-1 ${describeInterval(top1)}` };
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

  /** Cross entropy of each sample, without class weights and label smoothing. */
  get losses(): number[] {
    return this.labels.map((label, i) => {
      const row = this.#scaled(i);
      return logSumExp(row) - (row[label] ?? Number.NaN);
    });
  }

  /** Their mean. */
  get loss(): number {
    return this.losses.reduce((sum, loss) => sum + loss, 0) / Math.max(1, this.labels.length);
  }

  /** Softmax probabilities of a sample, K of them. */
  probabilitiesOf(sample: number): Float32Array {
    const row = this.#scaled(sample);
    const total = logSumExp(row);
    return row.map((value) => Math.exp(value - total));
  }

  #scaled(sample: number): Float32Array {
    const row = this.logits[sample] as Float32Array;
    return this.temperature === 1 ? row : row.map((value) => value / this.temperature);
  }

  /** One row of K a sample. */
  get probabilities(): Float32Array[] {
    return this.logits.map((_, i) => this.probabilitiesOf(i));
  }
}
