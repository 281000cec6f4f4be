import { z } from "zod";
import { bestClasses, labelled, type MetricInput, ranksAbove, type Scored, scored, values } from "./input.ts";
import { Metric, metricError } from "./metric.ts";

const average = z.enum(["micro", "macro", "weighted", "none"]);

export const statScoresOptions = z.strictObject({
  numClasses: z.int().min(1).describe("number of classes"),
  topK: z.int().min(0).default(1).describe("a prediction is right if the label is among the k best; 0 is never right"),
  average: average
    .default("macro")
    .describe("micro: over all samples; macro: mean of classes; weighted: by samples of a class; none: by class"),
  ignoreIndex: z.int().nullable().default(null).describe("samples with this label are left out"),
});

export type StatScoresOptions = z.input<typeof statScoresOptions>;
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
 * among its k best scores, else as its best class; of equal scores the lower class is taken first.
 * With average `none` the value is a list, one number a class; otherwise it is a number.
 */
abstract class MulticlassStatScores extends Metric<number | number[], [preds: MetricInput, target: MetricInput]> {
  readonly options: z.output<typeof statScoresOptions>;
  protected readonly reductions = { tp: "sum", fp: "sum", fn: "sum" } as const;

  constructor(options: StatScoresOptions) {
    super();
    this.options = statScoresOptions.parse(options);
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
      const batch = labelled(preds, target, numClasses, ignoreIndex);
      count(counts, batch.preds, batch.target);
      return counts;
    }
    const batch = scored(values(preds), values(target), numClasses, ignoreIndex);
    const best = bestClasses(batch);
    for (let n = 0; n < batch.count; n++) {
      if (isAmongBest(batch, n, topK)) best[n] = batch.target[n] as number;
      else if (topK === 0) best[n] = ((batch.target[n] as number) + 1) % numClasses;
    }
    count(counts, best, batch.target);
    return counts;
  }

  protected evaluate(state: Readonly<Record<string, Float64Array | undefined>>): number | number[] {
    const { numClasses, average, topK } = this.options;
    const none = new Float64Array(numClasses);
    const counts = { tp: state["tp"] ?? none, fp: state["fp"] ?? none, fn: state["fn"] ?? none };
    if (average === "micro") return this.score(sum(counts.tp), sum(counts.fp), sum(counts.fn));
    const scores = Array.from(counts.tp, (tp, c) => this.score(tp, counts.fp[c] as number, counts.fn[c] as number));
    return averageOf(scores, counts, average, topK);
  }
}

/** Share of the samples predicted right (by class: recall). */
export class MulticlassAccuracy extends MulticlassStatScores {
  protected score(tp: number, _fp: number, fn: number): number {
    return safeDivide(tp, tp + fn);
  }
}

/** Share of a class's predictions that are right. */
export class MulticlassPrecision extends MulticlassStatScores {
  protected score(tp: number, fp: number): number {
    return safeDivide(tp, tp + fp);
  }
}

/** Share of a class's samples that were found. */
export class MulticlassRecall extends MulticlassStatScores {
  protected score(tp: number, _fp: number, fn: number): number {
    return safeDivide(tp, tp + fn);
  }
}

/** Harmonic mean of precision and recall. */
export class MulticlassF1Score extends MulticlassStatScores {
  protected score(tp: number, fp: number, fn: number): number {
    return safeDivide(2 * tp, 2 * tp + fn + fp);
  }
}

/** Whether fewer than k classes come before the label, in order of score, then of class. */
function isAmongBest({ classes, scores, target }: Scored, n: number, k: number): boolean {
  const row = n * classes;
  const label = target[n] as number;
  const own = scores[row + label] as number;
  let before = 0;
  for (let c = 0; c < classes; c++) {
    const other = scores[row + c] as number;
    if (ranksAbove(other, own) || (c < label && !ranksAbove(own, other))) before++;
  }
  return before < k;
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

/** Classes without a sample or prediction are left out of `macro` (with top-k: those without a sample). */
function averageOf(scores: number[], { tp, fp, fn }: Counts, average: Average, topK: number): number | number[] {
  if (average === "none") return scores;
  const weights = scores.map((_, c) => {
    const samples = (tp[c] as number) + (fn[c] as number);
    if (average === "weighted") return samples;
    return samples + (topK === 1 ? (fp[c] as number) : 0) === 0 ? 0 : 1;
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
