import { parseOptions } from "@classifier-training/base";
import { z } from "zod";
import { linspace } from "./calibration-error.ts";
import { type MetricInput, probabilities, scored, values } from "./input.ts";
import { Metric } from "./metric.ts";

export const curveOptionsSchema = z.strictObject({
  numClasses: z.int().min(2).describe("number of classes"),
  average: z.enum(["macro", "weighted", "none"]).default("macro").describe("mean of classes, by samples, or by class"),
  thresholds: z
    .union([z.int().min(2), z.array(z.number()).min(1)])
    .nullable()
    .default(null)
    .describe("null: exact, keeps every score; a number or list of thresholds: approximate, in constant memory"),
  ignoreIndex: z.int().nullable().default(null).describe("samples with this label are left out"),
});

export type CurveOptions = z.input<typeof curveOptionsSchema>;

/** Points of a curve, from the highest threshold to the lowest: positives and negatives at or above it. */
export interface Points {
  readonly tps: readonly number[];
  readonly fps: readonly number[];
  readonly positives: number;
}

/**
 * An area under a one-against-the-rest curve by class, by torchmetrics' definitions. Scores outside [0, 1] are taken as
 * logits. With average `none` the value is a list, one number a class.
 */
abstract class MulticlassCurveArea extends Metric<number | number[], [preds: MetricInput, target: MetricInput]> {
  readonly options: z.output<typeof curveOptionsSchema>;
  protected readonly reductions = { scores: "cat", target: "cat", positive: "sum", negative: "sum" } as const;
  readonly #thresholds: Float32Array | undefined;

  constructor(options: CurveOptions) {
    super();
    this.options = parseOptions(new.target.name, curveOptionsSchema, options);
    const { thresholds } = this.options;
    if (thresholds !== null) {
      this.#thresholds = typeof thresholds === "number" ? linspace(thresholds) : Float32Array.from(thresholds).sort();
    }
  }

  /** The area of one class; `binned` when the points come from fixed thresholds. */
  protected abstract area(points: Points, hasOnlyClass0: boolean, binned: boolean): number;

  protected measure(preds: MetricInput, target: MetricInput): Record<string, Float64Array> {
    const { numClasses: K, ignoreIndex } = this.options;
    const batch = probabilities(scored(values(preds), values(target), K, ignoreIndex));
    const thresholds = this.#thresholds;
    if (thresholds === undefined) {
      return { scores: Float64Array.from(batch.scores), target: Float64Array.from(batch.target) };
    }
    // By class, how many scores reach exactly the first t thresholds, t = 0 .. T.
    const T = thresholds.length;
    const positive = new Float64Array(K * (T + 1));
    const negative = new Float64Array(K * (T + 1));
    for (let i = 0; i < batch.count * K; i++) {
      const c = i % K;
      const counts = batch.target[Math.floor(i / K)] === c ? positive : negative;
      const at = c * (T + 1) + reached(thresholds, batch.scores[i] as number);
      counts[at] = (counts[at] as number) + 1;
    }
    return { positive, negative };
  }

  protected evaluate(state: Readonly<Record<string, Float64Array | undefined>>): number | number[] {
    const { numClasses: K, average } = this.options;
    const T = this.#thresholds?.length;
    const binned = T !== undefined;
    const points = Array.from({ length: K }, (_, c) =>
      T === undefined ? exactPoints(state, c, K) : binnedPoints(state, [c], T),
    );
    const onlyClass0 = points.every(({ positives }, c) => c === 0 || positives === 0);
    const areas = points.map((p) => this.area(p, onlyClass0, binned));
    if (average === "none") return areas;
    const kept = areas.flatMap((area, c) =>
      Number.isNaN(area) ? [] : [{ area, samples: (points[c] as Points).positives }],
    );
    const total = kept.reduce((sum, { samples }) => sum + samples, 0);
    if (average === "macro") return kept.reduce((sum, { area }) => sum + area, 0) / kept.length;
    return kept.reduce((sum, { area, samples }) => sum + (total === 0 ? 0 : (area * samples) / total), 0);
  }
}

/** Area under the receiver operating characteristic: the chance that a sample of the class scores above another. */
export class MulticlassAUROC extends MulticlassCurveArea {
  protected area(points: Points, _onlyClass0: boolean, binned: boolean): number {
    return areaUnderRoc(points, binned);
  }
}

/** Area under the precision-recall curve, as the sum over thresholds of precision times gain in recall. */
export class MulticlassAveragePrecision extends MulticlassCurveArea {
  protected area(points: Points, onlyClass0: boolean, binned: boolean): number {
    return averagePrecision(points, onlyClass0, binned);
  }
}

/** @param binned whether the points are those of fixed thresholds: such a curve has no added first point (0, 0) */
export function areaUnderRoc({ tps, fps, positives }: Points, binned: boolean): number {
  const negatives = fps.at(-1) ?? 0;
  const rate = (count: number, all: number) => (all <= 0 ? 0 : count / all);
  let area = 0;
  let x = 0;
  let y = 0;
  for (let i = 0; i < tps.length; i++) {
    const nextX = rate(fps[i] as number, negatives);
    const nextY = rate(tps[i] as number, positives);
    if (i > 0 || !binned) area += ((nextX - x) * (y + nextY)) / 2;
    x = nextX;
    y = nextY;
  }
  return area;
}

/** @param allZero torchmetrics sets recall to 1 when all targets are 0; without positives it is NaN otherwise */
export function averagePrecision({ tps, fps, positives }: Points, allZero: boolean, binned: boolean): number {
  let area = 0;
  let recall = 0;
  for (let i = 0; i < tps.length; i++) {
    const tp = tps[i] as number;
    const predicted = tp + (fps[i] as number);
    const next = allZero && !binned ? 1 : positives === 0 && binned ? 0 : tp / positives;
    area += (next - recall) * (predicted === 0 ? 0 : tp / predicted);
    recall = next;
  }
  return area;
}

/** The points of one class, or of several together, from counts of scores that reach exactly the first 0 .. T thresholds. */
export function binnedPoints(
  { positive, negative }: Readonly<Record<string, Float64Array | undefined>>,
  classes: readonly number[],
  T: number,
): Points {
  const at = (counts: Float64Array | undefined, t: number) =>
    classes.reduce((sum, c) => sum + (counts?.[c * (T + 1) + t] ?? 0), 0);
  const tps: number[] = [];
  const fps: number[] = [];
  let tp = 0;
  let fp = 0;
  for (let t = T; t >= 1; t--) {
    tp += at(positive, t);
    fp += at(negative, t);
    tps.push(tp);
    fps.push(fp);
  }
  return { tps, fps, positives: tp + at(positive, 0) };
}

function exactPoints(state: Readonly<Record<string, Float64Array | undefined>>, c: number, K: number): Points {
  const { target = new Float64Array(), scores = new Float64Array() } = state;
  const own = Float64Array.from(target, (_, n) => scores[n * K + c] as number);
  return rankedPoints(own, (n) => target[n] === c);
}

/** The points at every distinct score. */
export function rankedPoints(scores: Float64Array, isPositive: (n: number) => boolean): Points {
  const order = Uint32Array.from(scores.keys()).sort((a, b) => (scores[b] as number) - (scores[a] as number));
  const tps: number[] = [];
  const fps: number[] = [];
  let tp = 0;
  for (const [i, n] of order.entries()) {
    if (isPositive(n)) tp++;
    const isLastOfEquals = i + 1 === order.length || scores[order[i + 1] as number] !== scores[n];
    if (!isLastOfEquals) continue;
    tps.push(tp);
    fps.push(i + 1 - tp);
  }
  return { tps, fps, positives: tp };
}

/** How many of the ascending thresholds a score reaches. */
export function reached(thresholds: Float32Array, score: number): number {
  let low = 0;
  let high = thresholds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((thresholds[middle] as number) <= score) low = middle + 1;
    else high = middle;
  }
  return low;
}
