import { parseOptions } from "@classifier-training/base";
import { z } from "zod";
import { linspace } from "./calibration-error.ts";
import { areaUnderRoc, averagePrecision, binnedPoints, type Points, rankedPoints, reached } from "./curves.ts";
import { type MetricInput, type Values, values } from "./input.ts";
import { Metric, metricError } from "./metric.ts";

const average = z
  .enum(["micro", "macro", "weighted", "none"])
  .default("macro")
  .describe(
    "micro: over all labels of all samples; macro: mean of labels; weighted: by positive samples; none: by label",
  );
const numLabels = z.int().min(2).describe("number of labels");
const ignoreIndex = z.int().nullable().default(null).describe("targets with this value are left out");

export const multilabelOptionsSchema = z.strictObject({
  numLabels,
  threshold: z.number().gt(0).lt(1).default(0.5).describe("probabilities above it are predictions"),
  average,
  ignoreIndex,
});

export const multilabelCurveOptionsSchema = z.strictObject({
  numLabels,
  average,
  thresholds: z
    .union([z.int().min(2), z.array(z.number()).min(1)])
    .nullable()
    .default(null)
    .describe("null: exact, keeps every score; a number or list of thresholds: approximate, in constant memory"),
  ignoreIndex,
});

export type MultilabelOptions = z.input<typeof multilabelOptionsSchema>;
export type MultilabelCurveOptions = z.input<typeof multilabelCurveOptionsSchema>;
type State = Readonly<Record<string, Float64Array | undefined>>;

/** Rows of one number a label; of further dimensions each place is a row. */
interface LabelRows {
  readonly count: number;
  /** [count, labels] probabilities. */
  readonly scores: Float64Array;
  /** [count, labels]: 1, 0, or -1 for what is left out. */
  readonly target: Float64Array;
}

/**
 * Scores and targets [N, L] or [N, L, ...]. Scores become probabilities by a sigmoid when any of the batch lies outside
 * [0, 1], as torchmetrics decides.
 * @throws CtError `metrics/input` when shapes do not fit, or a target is neither 0 nor 1
 */
function labelRows(preds: Values, target: Values, labels: number, ignoreIndex: number | null): LabelRows {
  const [n = 0, channels = 0, ...rest] = preds.shape;
  const inner = rest.reduce((product, size) => product * size, 1);
  if (channels !== labels || preds.shape.join() !== target.shape.join()) {
    throw metricError(
      "metrics/input",
      `scores [${preds.shape.join(", ")}] and targets [${target.shape.join(", ")}] do not fit ${labels} labels`,
      `scores and targets are [N, ${labels}] or [N, ${labels}, ...]`,
    );
  }
  const logits = Array.prototype.some.call(preds.data, (value: number) => !(value >= 0 && value <= 1));
  const count = n * inner;
  const rows = { count, scores: new Float64Array(count * labels), target: new Float64Array(count * labels) };
  for (let i = 0; i < count * labels; i++) {
    const place = i % inner;
    const label = Math.floor(i / inner) % labels;
    const at = (Math.floor(i / (inner * labels)) * inner + place) * labels + label;
    const value = target.data[i] as number;
    if (value !== 0 && value !== 1 && value !== ignoreIndex) {
      throw metricError(
        "metrics/input",
        `target ${value} of sample ${Math.floor(i / (inner * labels))}: expected 0 or 1`,
      );
    }
    const score = preds.data[i] as number;
    rows.scores[at] = Math.fround(logits ? 1 / (1 + Math.exp(-score)) : score);
    rows.target[at] = value === ignoreIndex ? -1 : value;
  }
  return rows;
}

/**
 * True and false positives and negatives by label, and a score made of them: torchmetrics' definitions
 * (`functional/classification/stat_scores.py`). Unlike those of one label a sample, `macro` counts labels without any
 * sample, as 0. With average `none` the value is a list, one number a label.
 */
abstract class MultilabelStatScores extends Metric<number | number[], [preds: MetricInput, target: MetricInput]> {
  readonly options: z.output<typeof multilabelOptionsSchema>;
  protected readonly reductions = { tp: "sum", fp: "sum", tn: "sum", fn: "sum" } as const;

  constructor(options: MultilabelOptions) {
    super();
    this.options = parseOptions(new.target.name, multilabelOptionsSchema, options);
  }

  /** The score of (sums of) counts. */
  protected abstract score(tp: number, fp: number, tn: number, fn: number): number;

  protected measure(preds: MetricInput, target: MetricInput) {
    const { numLabels: L, threshold, ignoreIndex } = this.options;
    const rows = labelRows(values(preds), values(target), L, ignoreIndex);
    const counts = {
      tp: new Float64Array(L),
      fp: new Float64Array(L),
      tn: new Float64Array(L),
      fn: new Float64Array(L),
    };
    for (const [i, actual] of rows.target.entries()) {
      if (actual < 0) continue;
      const predicted = (rows.scores[i] as number) > threshold;
      const counted = counts[actual === 1 ? (predicted ? "tp" : "fn") : predicted ? "fp" : "tn"];
      counted[i % L] = (counted[i % L] as number) + 1;
    }
    return counts;
  }

  protected evaluate(state: State): number | number[] {
    const { numLabels, average } = this.options;
    const none = new Float64Array(numLabels);
    const { tp = none, fp = none, tn = none, fn = none } = state;
    if (average === "micro") return this.score(sum(tp), sum(fp), sum(tn), sum(fn));
    const scores = Array.from(tp, (own, i) => this.score(own, fp[i] as number, tn[i] as number, fn[i] as number));
    return averaged(
      scores,
      Array.from(tp, (own, i) => own + (fn[i] as number)),
      average,
    );
  }
}

/** Fraction of the label decisions that are right. */
export class MultilabelAccuracy extends MultilabelStatScores {
  protected score(tp: number, fp: number, tn: number, fn: number): number {
    return fraction(tp + tn, tp + fp + tn + fn);
  }
}

/** Fraction of a label's predictions that are right. */
export class MultilabelPrecision extends MultilabelStatScores {
  protected score(tp: number, fp: number): number {
    return fraction(tp, tp + fp);
  }
}

/** Fraction of a label's samples that were found. */
export class MultilabelRecall extends MultilabelStatScores {
  protected score(tp: number, _fp: number, _tn: number, fn: number): number {
    return fraction(tp, tp + fn);
  }
}

/** Harmonic mean of precision and recall. */
export class MultilabelF1Score extends MultilabelStatScores {
  protected score(tp: number, fp: number, _tn: number, fn: number): number {
    return fraction(2 * tp, 2 * tp + fp + fn);
  }
}

/** An area under a curve by label, by torchmetrics' definitions. With average `none` the value is a list. */
abstract class MultilabelCurveArea extends Metric<number | number[], [preds: MetricInput, target: MetricInput]> {
  readonly options: z.output<typeof multilabelCurveOptionsSchema>;
  protected readonly reductions = { scores: "cat", target: "cat", positive: "sum", negative: "sum" } as const;
  readonly #thresholds: Float32Array | undefined;

  constructor(options: MultilabelCurveOptions) {
    super();
    this.options = parseOptions(new.target.name, multilabelCurveOptionsSchema, options);
    const { thresholds } = this.options;
    if (thresholds !== null) {
      this.#thresholds = typeof thresholds === "number" ? linspace(thresholds) : Float32Array.from(thresholds).sort();
    }
  }

  protected abstract area(points: Points, binned: boolean): number;

  protected measure(preds: MetricInput, target: MetricInput): Record<string, Float64Array> {
    const { numLabels: L, ignoreIndex } = this.options;
    const rows = labelRows(values(preds), values(target), L, ignoreIndex);
    const thresholds = this.#thresholds;
    if (thresholds === undefined) return { scores: rows.scores, target: rows.target };
    const T = thresholds.length;
    const state = { positive: new Float64Array(L * (T + 1)), negative: new Float64Array(L * (T + 1)) };
    for (const [i, actual] of rows.target.entries()) {
      if (actual < 0) continue;
      const counts = actual === 1 ? state.positive : state.negative;
      const at = (i % L) * (T + 1) + reached(thresholds, rows.scores[i] as number);
      counts[at] = (counts[at] as number) + 1;
    }
    return state;
  }

  protected evaluate(state: State): number | number[] {
    const { numLabels: L, average } = this.options;
    const binned = this.#thresholds !== undefined;
    if (average === "micro") return this.area(this.#points(state, [...Array(L).keys()]), binned);
    const points = Array.from({ length: L }, (_, label) => this.#points(state, [label]));
    const areas = points.map((own) => this.area(own, binned));
    return averaged(
      areas,
      points.map(({ positives }) => positives),
      average,
    );
  }

  /** The curve of some labels together. */
  #points(state: State, labels: readonly number[]): Points {
    const { numLabels: L } = this.options;
    if (this.#thresholds !== undefined) return binnedPoints(state, labels, this.#thresholds.length);
    const { scores = new Float64Array(), target = new Float64Array() } = state;
    const own = labels.flatMap((label) => Array.from({ length: target.length / L }, (_, n) => n * L + label));
    const kept = own.filter((i) => (target[i] as number) >= 0);
    return rankedPoints(
      Float64Array.from(kept, (i) => scores[i] as number),
      (k) => target[kept[k] as number] === 1,
    );
  }
}

/** Area under the precision-recall curve of each label (with `macro`: mAP). A label without a positive sample has 0. */
export class MultilabelAveragePrecision extends MultilabelCurveArea {
  protected area(points: Points, binned: boolean): number {
    return averagePrecision(points, points.positives === 0, binned);
  }
}

/** Area under the receiver operating characteristic of each label. */
export class MultilabelAUROC extends MultilabelCurveArea {
  protected area(points: Points, binned: boolean): number {
    return areaUnderRoc(points, binned);
  }
}

function averaged(scores: number[], support: readonly number[], average: "macro" | "weighted" | "none") {
  if (average === "none") return scores;
  const weights = average === "macro" ? scores.map(() => 1) : support;
  const total = weights.reduce((a, b) => a + b, 0);
  return scores.reduce((mean, score, i) => mean + fraction((weights[i] as number) * score, total), 0);
}

function fraction(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
}

function sum(array: Float64Array): number {
  return array.reduce((a, b) => a + b, 0);
}
