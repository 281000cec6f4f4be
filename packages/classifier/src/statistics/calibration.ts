/**
 * Expected calibration error (Naeini et al. 2015): how far confidence and accuracy are apart, averaged over bins of
 * confidence weighted by their samples. 0 is perfect; NaN where a confidence is.
 *
 * @param confidence of the predicted class, 0..1
 * @param correct whether that prediction was right
 */
export function expectedCalibrationError(
  confidence: readonly number[],
  correct: readonly boolean[],
  bins = 15,
): number {
  if (confidence.some(Number.isNaN)) return Number.NaN;
  const sums = Array.from({ length: bins }, () => ({ confidence: 0, correct: 0 }));
  for (const [i, value] of confidence.entries()) {
    const bin = sums[Math.min(bins - 1, Math.max(0, Math.ceil(value * bins) - 1))]!;
    bin.confidence += value;
    if (correct[i]) bin.correct++;
  }
  const gap = sums.reduce((sum, bin) => sum + Math.abs(bin.confidence - bin.correct), 0);
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
