import { type Interval, wilsonInterval } from "./interval.ts";

/** The error rate of the samples that are answered, when the least confident ones are left out. */
export interface RiskCoveragePoint {
  /** Samples that are answered, as a fraction of all: those of at least this confidence. */
  readonly coverage: number;
  readonly confidence: number;
  /** Errors among them, as a fraction. */
  readonly risk: number;
}

export interface RiskCoverage {
  /** From the most confident samples to all of them, one point for each confidence. */
  readonly points: readonly RiskCoveragePoint[];
  /** Area under the curve (AURC): the mean risk over all coverages; NaN without samples. */
  readonly aurc: number;
}

/**
 * The risk-coverage curve of a classifier that may decline to answer (El-Yaniv and Wiener 2010; AURC: Geifman et al. 2019).
 * Samples of equal confidence have no order: the area is its mean over all of them.
 */
export function riskCoverage(confidence: readonly number[], correct: readonly boolean[]): RiskCoverage {
  const n = confidence.length;
  const order = Uint32Array.from(confidence.keys()).sort(
    (a, b) => (confidence[b] as number) - (confidence[a] as number),
  );
  const points: RiskCoveragePoint[] = [];
  let [errors, area] = [0, 0];
  for (let start = 0; start < n; ) {
    const value = confidence[order[start] as number] as number;
    let [end, own] = [start, 0];
    while (end < n && Object.is(confidence[order[end] as number], value)) {
      if (!correct[order[end] as number]) own++;
      end++;
    }
    for (let i = start + 1; i <= end; i++) area += (errors + (own * (i - start)) / (end - start)) / i;
    errors += own;
    points.push({ coverage: end / n, confidence: value, risk: errors / end });
    start = end;
  }
  return { points, aurc: area / n };
}

/** How many samples can be answered at an error rate of at most `risk`; undefined when not even the most confident ones can. */
export function coverageAtRisk({ points }: RiskCoverage, risk: number): RiskCoveragePoint | undefined {
  return points.findLast((point) => point.risk <= risk);
}

/** How the others do when samples are refused. */
export interface Refusal {
  /** How many are refused. */
  readonly refused: number;
  /** Of the others. */
  readonly accuracy: Interval;
  /** The smallest confidence of those; NaN where there are none. */
  readonly confidence: number;
}

/** A fraction of samples that is refused. */
export interface RefusedFraction extends Refusal {
  readonly fraction: number;
}

/** Those for which reports say how the others do. */
const fractions = [0, 0.05, 0.1];

/** Refuses none, 5% and 10% of the samples: the least confident ones. */
export function refusedFractions(confidence: readonly number[], correct: readonly boolean[]): RefusedFraction[] {
  const order = [...confidence.keys()].sort((a, b) => (confidence[b] as number) - (confidence[a] as number));
  return fractions.map((fraction) => {
    const answered = order.slice(0, order.length - Math.round(fraction * order.length));
    return { fraction, ...refusalOf(answered, confidence, correct) };
  });
}

/** Refuses the samples of less than this confidence. */
export function refuseBelow(confidence: readonly number[], correct: readonly boolean[], least: number): Refusal {
  const answered = [...confidence.keys()].filter((i) => (confidence[i] as number) >= least);
  return refusalOf(answered, confidence, correct);
}

function refusalOf(answered: readonly number[], confidence: readonly number[], correct: readonly boolean[]): Refusal {
  return {
    refused: confidence.length - answered.length,
    accuracy: wilsonInterval(answered.filter((i) => correct[i]).length, answered.length),
    confidence: answered.length === 0 ? Number.NaN : Math.min(...answered.map((i) => confidence[i] as number)),
  };
}
