import { Rng } from "@classifier-training/base";
import { averagePrecision, rankedPoints } from "@classifier-training/lightning";
import { percent } from "@classifier-training/runs";

/** What a model said of every class of every sample, and what is true: rows of K, one after the other. */
export interface LabelTable {
  readonly numClasses: number;
  /** Sigmoid probabilities, 0..1. */
  readonly probabilities: ArrayLike<number>;
  /** 1 for the classes of a sample, else 0. */
  readonly targets: ArrayLike<number>;
}

/** How one class of a multilabel model fared at its threshold. */
export interface LabelReport {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly tn: number;
  /** 0 where there is nothing to divide by. */
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Average precision; NaN for a class without samples. */
  readonly ap: number;
  readonly threshold: number;
}

/** Where nothing else was measured: a class is predicted whose probability is above it. */
export const defaultThreshold = 0.5;

/** Fewer samples of a class are too few to find a threshold on. */
const minSupport = 10;

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** The probabilities or the targets of one class. */
function column(values: ArrayLike<number>, numClasses: number, k: number): Float64Array {
  return Float64Array.from({ length: values.length / numClasses }, (_, n) => values[n * numClasses + k] as number);
}

/**
 * The threshold of each class that gives the highest F1, in the middle between two probabilities; of equally good ones
 * that nearest to 0.5, which classes of fewer than 10 samples keep.
 */
export function bestThresholds({ numClasses, probabilities, targets }: LabelTable): number[] {
  return Array.from({ length: numClasses }, (_, k) => {
    const scores = column(probabilities, numClasses, k);
    const own = column(targets, numClasses, k);
    const { tps, fps, positives } = rankedPoints(scores, (n) => own[n] === 1);
    if (positives < minSupport || positives === own.length) return defaultThreshold;
    const distinct = [...new Set(scores)].sort((a, b) => b - a);
    let [best, bestF1] = [defaultThreshold, -1];
    for (const [i, tp] of tps.entries()) {
      const f1 = (2 * tp) / (tp + (fps[i] as number) + positives);
      const threshold = ((distinct[i] as number) + (distinct[i + 1] ?? 0)) / 2;
      const isNearer = Math.abs(threshold - defaultThreshold) < Math.abs(best - defaultThreshold);
      if (f1 > bestF1 || (f1 === bestF1 && isNearer)) [best, bestF1] = [threshold, f1];
    }
    return best;
  });
}

/** @param thresholds a probability of each class; 0.5 where absent */
export function labelReports(table: LabelTable, thresholds: readonly number[] = []): LabelReport[] {
  const { numClasses, probabilities, targets } = table;
  return Array.from({ length: numClasses }, (_, k) => {
    const threshold = thresholds[k] ?? defaultThreshold;
    const scores = column(probabilities, numClasses, k);
    const own = column(targets, numClasses, k);
    const count = (predicted: boolean, actual: number) =>
      scores.reduce((sum, p, n) => sum + (p > threshold === predicted && own[n] === actual ? 1 : 0), 0);
    const [tp, fp, fn, tn] = [count(true, 1), count(true, 0), count(false, 1), count(false, 0)];
    const points = rankedPoints(scores, (n) => own[n] === 1);
    const ap = points.positives === 0 ? Number.NaN : averagePrecision(points, false, false);
    return { tp, fp, fn, tn, ...rates(tp, fp, fn), ap, threshold };
  });
}

function rates(tp: number, fp: number, fn: number) {
  const over = (a: number, b: number) => (b === 0 ? 0 : a / b);
  return { precision: over(tp, tp + fp), recall: over(tp, tp + fn), f1: over(2 * tp, 2 * tp + fp + fn) };
}

/** What is measured over all classes; those without samples count in `f1Micro` only. */
export interface LabelScores {
  readonly mAP: number;
  readonly f1Macro: number;
  readonly f1Micro: number;
}

export function labelScores(reports: readonly LabelReport[]): LabelScores {
  const seen = reports.filter(({ tp, fn }) => tp + fn > 0);
  const sum = (of: (report: LabelReport) => number) => reports.reduce((total, report) => total + of(report), 0);
  const mean = (of: (report: LabelReport) => number) =>
    seen.reduce((total, report) => total + of(report), 0) / seen.length;
  return {
    mAP: mean(({ ap }) => ap),
    f1Macro: mean(({ f1 }) => f1),
    f1Micro: rates(
      sum(({ tp }) => tp),
      sum(({ fp }) => fp),
      sum(({ fn }) => fn),
    ).f1,
  };
}

/** A measure with its 95% interval, by resampling the samples (percentile bootstrap, Efron 1979). */
export interface BootstrapInterval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What a multilabel model is judged by. */
export interface LabelMeasures {
  readonly mAP: BootstrapInterval;
  readonly f1Macro: BootstrapInterval;
  readonly f1Micro: BootstrapInterval;
}

/** `mAP 83.1% (95% interval 79.0% to 86.5%)`. */
export function describeMeasure(name: string, { value, low, high }: BootstrapInterval): string {
  return `${name} ${percent(value)} (95% interval ${percent(low)} to ${percent(high)})`;
}

/** Steps that a bootstrap may take, whatever the number of samples and classes. */
const bootstrapWork = 5e7;

/** Their intervals, F1 at the thresholds. The same table has the same intervals. */
export function bootstrapScores(table: LabelTable, thresholds: readonly number[]): LabelMeasures {
  const { numClasses, probabilities, targets } = table;
  const count = targets.length / numClasses;
  const { mAP, f1Macro, f1Micro } = labelScores(labelReports(table, thresholds));
  const resamples = Math.max(100, Math.min(1000, Math.floor(bootstrapWork / Math.max(1, targets.length))));
  const orders = Array.from({ length: numClasses }, (_, k) => {
    const scores = column(probabilities, numClasses, k);
    return Uint32Array.from(scores.keys()).sort((a, b) => (scores[b] as number) - (scores[a] as number));
  });
  const measured = { mAP: [] as number[], f1Macro: [] as number[], f1Micro: [] as number[] };
  for (let b = 0; b < resamples; b++) {
    const rng = Rng.at(b, "bootstrap");
    const times = new Uint32Array(count);
    for (let i = 0; i < count; i++) times[rng.integer(count)]!++;
    const reports = orders.map((order, k) => weighted(table, order, k, times, thresholds[k] ?? defaultThreshold));
    const scores = labelScores(reports);
    for (const name of ["mAP", "f1Macro", "f1Micro"] as const) measured[name].push(scores[name]);
  }
  const interval = (value: number, values: readonly number[]): BootstrapInterval => {
    const sorted = values.filter(Number.isFinite).sort((x, y) => x - y);
    const at = (q: number) => sorted[Math.round(q * (sorted.length - 1))] ?? Number.NaN;
    return { value, low: at(0.025), high: at(0.975) };
  };
  return {
    mAP: interval(mAP, measured.mAP),
    f1Macro: interval(f1Macro, measured.f1Macro),
    f1Micro: interval(f1Micro, measured.f1Micro),
  };
}

/** The report of a class when each sample occurs so many times. @param order samples by falling probability */
function weighted(
  table: LabelTable,
  order: Uint32Array,
  k: number,
  times: Uint32Array,
  threshold: number,
): LabelReport {
  const { numClasses, probabilities, targets } = table;
  const probability = (i: number) => probabilities[(order[i] as number) * numClasses + k] as number;
  let [tp, fp, tpAbove, fpAbove, positives, negatives, area, since] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (const [i, n] of order.entries()) {
    const weight = times[n] as number;
    if (targets[n * numClasses + k] === 1) {
      tp += weight;
      since += weight;
    } else fp += weight;
    if (probability(i) > threshold) [tpAbove, fpAbove] = [tp, fp];
    if (i + 1 < order.length && probability(i + 1) === probability(i)) continue;
    if (since > 0) area += (since * tp) / (tp + fp);
    since = 0;
  }
  [positives, negatives] = [tp, fp];
  const fn = positives - tpAbove;
  const ap = positives === 0 ? Number.NaN : area / positives;
  return { tp: tpAbove, fp: fpAbove, fn, tn: negatives - fpAbove, ...rates(tpAbove, fpAbove, fn), ap, threshold };
}
