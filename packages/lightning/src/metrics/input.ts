import { metricError } from "./metric.ts";

/** What metrics need of a tensor: its numbers once a batch. */
export interface TensorLike {
  readonly shape: readonly number[];
  toTypedArray(): ArrayLike<number> | BigInt64Array;
}

export type NestedNumbers = number | readonly NestedNumbers[];

/** A tensor, or plain (nested) numbers, which are read as float32. */
export type MetricInput = TensorLike | NestedNumbers;

export interface Values {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

export function isTensorLike(input: unknown): input is TensorLike {
  return typeof input === "object" && input !== null && "toTypedArray" in input && "shape" in input;
}

/** The numbers of an input, row-major. */
export function values(input: MetricInput): Values {
  if (isTensorLike(input)) {
    const data = input.toTypedArray();
    return { shape: input.shape, data: data instanceof BigInt64Array ? Float64Array.from(data, Number) : data };
  }
  const shape: number[] = [];
  for (let level: NestedNumbers | undefined = input; typeof level === "object"; level = level[0])
    shape.push(level.length);
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  let at = 0;
  const copy = (level: NestedNumbers) => {
    if (typeof level === "number") data[at++] = level;
    else for (const inner of level) copy(inner);
  };
  copy(input);
  return { shape, data };
}

/** Scores and labels of a batch, one row a sample. */
export interface Scored {
  readonly count: number;
  readonly classes: number;
  /** [count, classes], row-major. */
  readonly scores: ArrayLike<number>;
  /** [count], each in 0 .. classes-1. */
  readonly target: ArrayLike<number>;
}

/**
 * Scores [N, C] or [N, C, ...] with labels [N] or [N, ...]: further dimensions are samples of their own.
 * Samples labeled `ignoreIndex` are left out.
 * @throws CtError `metrics/input` when shapes do not fit, or a label is outside 0 .. classes-1.
 */
export function scored(preds: Values, target: Values, classes: number, ignoreIndex?: number | null): Scored {
  const [count = 0, channels = 0, ...rest] = preds.shape;
  const inner = rest.reduce((product, size) => product * size, 1);
  if (channels !== classes || target.data.length !== count * inner) {
    throw metricError(
      "metrics/input",
      `scores [${preds.shape.join(", ")}] and labels [${target.shape.join(", ")}] do not fit ${classes} classes`,
      `scores are [N, ${classes}] or [N, ${classes}, ...], labels [N] or [N, ...]`,
    );
  }
  if (inner === 1 && (ignoreIndex === undefined || ignoreIndex === null)) {
    checkLabels(target.data, classes, "label");
    return { count, classes, scores: preds.data, target: target.data };
  }
  const keep = labelsKept(target.data, ignoreIndex);
  const scores = new Float64Array(keep.length * classes);
  const labels = new Float64Array(keep.length);
  for (const [row, i] of keep.entries()) {
    const n = Math.floor(i / inner);
    labels[row] = target.data[i] as number;
    for (let c = 0; c < classes; c++)
      scores[row * classes + c] = preds.data[(n * classes + c) * inner + (i % inner)] as number;
  }
  checkLabels(labels, classes, "label");
  return { count: keep.length, classes, scores, target: labels };
}

/** Predicted and true labels; scores with one more dimension than the labels become their best class. */
export function labeled(
  predsInput: MetricInput,
  targetInput: MetricInput,
  classes: number,
  ignoreIndex?: number | null,
): { readonly preds: ArrayLike<number>; readonly target: ArrayLike<number> } {
  const preds = values(predsInput);
  const target = values(targetInput);
  if (preds.shape.length === target.shape.length + 1) {
    const batch = scored(preds, target, classes, ignoreIndex);
    return { preds: bestClasses(batch), target: batch.target };
  }
  if (preds.data.length !== target.data.length) {
    throw metricError(
      "metrics/input",
      `predictions [${preds.shape.join(", ")}] and labels [${target.shape.join(", ")}] differ in shape`,
      "predictions are labels of the same shape, or scores with one more dimension",
    );
  }
  const keep = labelsKept(target.data, ignoreIndex);
  const kept = (data: ArrayLike<number>) => Float64Array.from(keep, (i) => data[i] as number);
  const result = { preds: kept(preds.data), target: kept(target.data) };
  checkLabels(result.target, classes, "label");
  checkLabels(result.preds, classes, "prediction");
  return result;
}

/** The class of the highest score of each row; the first one of equals; NaN counts as highest, as in PyTorch. */
export function bestClasses({ count, classes, scores }: Scored): Int32Array {
  const best = new Int32Array(count);
  for (let n = 0; n < count; n++) {
    const row = n * classes;
    let top = 0;
    for (let c = 1; c < classes; c++) if (ranksAbove(scores[row + c] as number, scores[row + top] as number)) top = c;
    best[n] = top;
  }
  return best;
}

export function ranksAbove(a: number, b: number): boolean {
  return a > b || (Number.isNaN(a) && !Number.isNaN(b));
}

/** Scores as probabilities: softmax by rows when any of the batch lies outside [0, 1], as torchmetrics decides. */
export function probabilities(batch: Scored): Scored {
  const { count, classes, scores } = batch;
  let isProbability = true;
  for (let i = 0; i < scores.length && isProbability; i++) {
    isProbability = (scores[i] as number) >= 0 && (scores[i] as number) <= 1;
  }
  if (isProbability) return batch;
  const result = new Float32Array(count * classes);
  for (let n = 0; n < count; n++) {
    const row = n * classes;
    let max = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) max = Math.max(max, scores[row + c] as number);
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += Math.exp((scores[row + c] as number) - max);
    for (let c = 0; c < classes; c++) result[row + c] = Math.exp((scores[row + c] as number) - max) / sum;
  }
  return { ...batch, scores: result };
}

function labelsKept(target: ArrayLike<number>, ignoreIndex: number | null | undefined): number[] {
  const keep: number[] = [];
  for (let i = 0; i < target.length; i++) if (target[i] !== ignoreIndex) keep.push(i);
  return keep;
}

function checkLabels(labels: ArrayLike<number>, classes: number, noun: string): void {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] as number;
    if (label >= 0 && label < classes && Number.isInteger(label)) continue;
    throw metricError(
      "metrics/input",
      `${noun} ${label} of sample ${i} is not one of the ${classes} classes`,
      "labels count from 0; num_classes must be the number of classes in the data",
    );
  }
}
