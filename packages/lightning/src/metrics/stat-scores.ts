import { parseOptions } from "@classifier-training/base";
import { scope, tensor } from "@classifier-training/torch";
import { z } from "zod";
import { labeled, type MetricInput, type Scored, scored, values } from "./input.ts";
import { Metric, metricError } from "./metric.ts";

const average = z.enum(["micro", "macro", "weighted", "none"]);

export const statScoresOptionsSchema = z.strictObject({
  numClasses: z.int().min(1).describe("number of classes"),
  topK: z.int().min(0).default(1).describe("a prediction is right if the label is among the k best; 0 is never right"),
  average: average
    .default("macro")
    .describe("micro: over all samples; macro: mean of classes; weighted: by samples of a class; none: by class"),
  ignoreIndex: z.int().nullable().default(null).describe("samples with this label are left out"),
});

export type StatScoresOptions = z.input<typeof statScoresOptionsSchema>;
type Average = z.infer<typeof average>;

interface Counts {
  /** True positives, false positives, false negatives by class. */
  readonly tp: Float64Array;
  readonly fp: Float64Array;
  readonly fn: Float64Array;
}

/**
 * True and false positives and negatives by class, and a score made of them: torchmetrics' definitions
 * (`functional/classification/stat_scores.py`). With `topK` > 1 a sample counts as predicted right when its label is
 * among its k best scores, else as its best class; equal scores are ordered as LibTorch's `topk` does (for one guess: the
 * lower class first).
 * With average `none` the value is a list, one number a class; otherwise it is a number.
 */
abstract class MulticlassStatScores extends Metric<number | number[], [preds: MetricInput, target: MetricInput]> {
  readonly options: z.output<typeof statScoresOptionsSchema>;
  protected readonly reductions = { tp: "sum", fp: "sum", fn: "sum" } as const;

  constructor(options: StatScoresOptions) {
    super();
    this.options = parseOptions(new.target.name, statScoresOptionsSchema, options);
    const { numClasses, topK } = this.options;
    if (topK > numClasses) {
      throw metricError("metrics/options", `topK is ${topK}, but there are ${numClasses} classes`, "lower topK");
    }
  }

  /** The score of (sums of) counts. */
  protected abstract score(tp: number, fp: number, fn: number): number;

  protected measure(preds: MetricInput, target: MetricInput) {
    const { numClasses, topK, ignoreIndex } = this.options;
    const counts = {
      tp: new Float64Array(numClasses),
      fp: new Float64Array(numClasses),
      fn: new Float64Array(numClasses),
    };
    if (topK === 1) {
      const batch = labeled(preds, target, numClasses, ignoreIndex);
      count(counts, batch.preds, batch.target);
      return counts;
    }
    const batch = scored(values(preds), values(target), numClasses, ignoreIndex);
    count(counts, topK === 0 ? neverRight(batch) : refined(batch, topK), batch.target);
    return counts;
  }

  protected evaluate(state: Readonly<Record<string, Float64Array | undefined>>): number | number[] {
    const { numClasses, average, topK } = this.options;
    const none = new Float64Array(numClasses);
    const counts = { tp: state["tp"] ?? none, fp: state["fp"] ?? none, fn: state["fn"] ?? none };
    if (average === "micro") return this.score(sum(counts.tp), sum(counts.fp), sum(counts.fn));
    const scores = Array.from(counts.tp, (tp, c) => this.score(tp, counts.fp[c] as number, counts.fn[c] as number));
    return averageOf(scores, counts, average, this.averagesPredicted ?? topK === 1);
  }

  /** Whether `macro` counts a class that was predicted, but has no sample; by default without top-k only. */
  protected readonly averagesPredicted: boolean | undefined;
}

/** Fraction of the samples predicted right (by class: recall). */
export class MulticlassAccuracy extends MulticlassStatScores {
  protected score(tp: number, _fp: number, fn: number): number {
    return safeDivide(tp, tp + fn);
  }
}

/** Fraction of a class's predictions that are right. */
export class MulticlassPrecision extends MulticlassStatScores {
  protected score(tp: number, fp: number): number {
    return safeDivide(tp, tp + fp);
  }
}

/** Fraction of a class's samples that were found. */
export class MulticlassRecall extends MulticlassStatScores {
  protected score(tp: number, _fp: number, fn: number): number {
    return safeDivide(tp, tp + fn);
  }
}

/** Harmonic mean of precision and recall. */
export class MulticlassF1Score extends MulticlassStatScores {
  protected override readonly averagesPredicted = true;

  protected score(tp: number, fp: number, fn: number): number {
    return safeDivide(2 * tp, 2 * tp + fn + fp);
  }
}

/** The label where it is among the k best scores, else the best class. */
function refined({ count, classes, scores, target }: Scored, k: number): Float64Array {
  const best = scope(() => {
    const rows = tensor(Array.from(scores), { dtype: "float64" }).reshape([count, classes]);
    // LibTorch's own choice among equal scores: it is what torchmetrics goes by, and follows no rule of its own.
    return rows.topk(k, 1).indices.toArray();
  });
  return Float64Array.from({ length: count }, (_, n) => {
    const label = target[n] as number;
    for (let i = 0; i < k; i++) if (best[n * k + i] === label) return label;
    return best[n * k] as number;
  });
}

/** Of no guesses none is right: some other class each time. */
function neverRight({ count, classes, target }: Scored): Float64Array {
  return Float64Array.from({ length: count }, (_, n) => ((target[n] as number) + 1) % classes);
}

function count({ tp, fp, fn }: Counts, preds: ArrayLike<number>, target: ArrayLike<number>): void {
  for (let i = 0; i < target.length; i++) {
    const label = target[i] as number;
    const pred = preds[i] as number;
    if (pred === label) tp[label] = (tp[label] as number) + 1;
    else {
      fp[pred] = (fp[pred] as number) + 1;
      fn[label] = (fn[label] as number) + 1;
    }
  }
}

/** Classes without a sample are left out of `macro`, unless they were predicted and that counts. */
function averageOf(
  scores: number[],
  { tp, fp, fn }: Counts,
  average: Average,
  predictedCount: boolean,
): number | number[] {
  if (average === "none") return scores;
  const weights = scores.map((_, c) => {
    const samples = (tp[c] as number) + (fn[c] as number);
    if (average === "weighted") return samples;
    return samples + (predictedCount ? (fp[c] as number) : 0) === 0 ? 0 : 1;
  });
  const total = weights.reduce((a, b) => a + b, 0);
  return scores.reduce((mean, score, c) => mean + safeDivide((weights[c] as number) * score, total), 0);
}

function safeDivide(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
}

function sum(array: Float64Array): number {
  return array.reduce((a, b) => a + b, 0);
}
