import { type Interval, wilsonInterval } from "./interval.ts";

/** How many samples of one class were predicted as another one, or as itself; class indices. */
export interface ConfusionCell {
  readonly label: number;
  readonly predicted: number;
  readonly count: number;
}

/**
 * The cells of a confusion matrix that are not zero, row by row: their number is that of the samples at most, however many
 * classes there are.
 */
export function countConfusions(labels: readonly number[], predicted: readonly number[]): ConfusionCell[] {
  const rows = new Map<number, Map<number, number>>();
  for (const [i, label] of labels.entries()) {
    const row = rows.get(label) ?? new Map<number, number>();
    const column = predicted[i] ?? -1;
    row.set(column, (row.get(column) ?? 0) + 1);
    rows.set(label, row);
  }
  const ascending = <T>(map: ReadonlyMap<number, T>) => [...map].sort(([a], [b]) => a - b);
  return ascending(rows).flatMap(([label, row]) =>
    ascending(row).map(([column, count]) => ({ label, predicted: column, count })),
  );
}

/** How one class fared. */
export interface ClassReport {
  readonly support: number;
  readonly correct: number;
  /** Correct among those predicted as this class; 0 when none was. */
  readonly precision: number;
  /** Correct among those of this class; 0 when there is none. */
  readonly recall: number;
  /** Harmonic mean of the two. */
  readonly f1: number;
  readonly precisionInterval: Interval;
  readonly recallInterval: Interval;
}

/** By class index. */
export function classReports(
  labels: readonly number[],
  predicted: readonly number[],
  numClasses: number,
): ClassReport[] {
  const [support, claimed, correct] = [0, 1, 2].map(() => new Array<number>(numClasses).fill(0)) as [
    number[],
    number[],
    number[],
  ];
  const add = (counts: number[], k: number) => {
    if (k >= 0 && k < numClasses) counts[k] = (counts[k] as number) + 1;
  };
  for (const [i, label] of labels.entries()) {
    const guess = predicted[i] ?? -1;
    add(support, label);
    add(claimed, guess);
    if (label === guess) add(correct, label);
  }
  return Array.from({ length: numClasses }, (_, k) =>
    classReport(support[k] as number, claimed[k] as number, correct[k] as number),
  );
}

/** @param claimed samples that were predicted as this class */
export function classReport(support: number, claimed: number, correct: number): ClassReport {
  const precision = claimed === 0 ? 0 : correct / claimed;
  const recall = support === 0 ? 0 : correct / support;
  return {
    support,
    correct,
    precision,
    recall,
    f1: precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall),
    precisionInterval: wilsonInterval(correct, claimed),
    recallInterval: wilsonInterval(correct, support),
  };
}

/**
 * F1 of a class with its 95% interval. F1 is 2J / (1 + J) of the Jaccard index J = tp / (tp + fp + fn), which is a proportion:
 * that of the samples of the class, or predicted as it, that are both. `successes` and `n` are those of J.
 */
export function f1Interval(tp: number, fp: number, fn: number): Interval {
  const { successes, n, value, low, high } = wilsonInterval(tp, tp + fp + fn);
  const f1 = (jaccard: number) => (2 * jaccard) / (1 + jaccard);
  return { successes, n, value: f1(value), low: f1(low), high: f1(high) };
}
