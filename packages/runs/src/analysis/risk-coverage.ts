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
