import { type Interval, wilsonInterval } from "./interval.ts";

/** Samples whose confidence lies in `low` (exclusive) to `high`. */
export interface CalibrationBin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** Their mean confidence; NaN without samples. */
  readonly confidence: number;
  /** How often they are right. */
  readonly accuracy: Interval;
}

/**
 * A reliability diagram (DeGroot and Fienberg 1983): accuracy by confidence, in bins of equal width.
 *
 * @param confidence of the predicted class, 0..1
 * @param correct whether that prediction was right
 */
export function calibrationBins(
  confidence: readonly number[],
  correct: readonly boolean[],
  bins = 15,
): CalibrationBin[] {
  const sums = Array.from({ length: bins }, () => ({ count: 0, confidence: 0, correct: 0 }));
  for (const [i, value] of confidence.entries()) {
    const bin = sums[Math.min(bins - 1, Math.max(0, Math.ceil(value * bins) - 1))];
    if (bin === undefined) continue;
    bin.count++;
    bin.confidence += value;
    if (correct[i]) bin.correct++;
  }
  return sums.map((bin, i) => ({
    low: i / bins,
    high: (i + 1) / bins,
    count: bin.count,
    confidence: bin.confidence / bin.count,
    accuracy: wilsonInterval(bin.correct, bin.count),
  }));
}

/**
 * Expected calibration error (Naeini et al. 2015): how far confidence and accuracy are apart, averaged over bins of
 * confidence weighted by their samples. 0 is perfect; NaN where a confidence is.
 */
export function expectedCalibrationError(
  confidence: readonly number[],
  correct: readonly boolean[],
  bins = 15,
): number {
  if (confidence.some(Number.isNaN)) return Number.NaN;
  const gap = calibrationBins(confidence, correct, bins)
    .filter(({ count }) => count > 0)
    .reduce((sum, bin) => sum + bin.count * Math.abs(bin.confidence - bin.accuracy.value), 0);
  return confidence.length === 0 ? 0 : gap / confidence.length;
}

/** A quantile of values by linear interpolation between the nearest ranks. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}
