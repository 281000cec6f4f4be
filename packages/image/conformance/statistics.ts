/** Mean, standard deviation and the quantiles 0, 5, 25, 50, 75, 95 and 100%. */
export interface Summary {
  readonly mean: number;
  readonly std: number;
  readonly q?: readonly number[];
}

export function isSummary(value: unknown): value is Summary {
  return typeof value === "object" && value !== null && "mean" in value && "std" in value;
}

const levels = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1];

export function summarize(values: readonly number[]): Required<Summary> {
  const sorted = [...values].sort((a, b) => a - b);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return { mean, std, q: levels.map((level) => quantile(sorted, level)) };
}

function quantile(sorted: readonly number[], level: number): number {
  const at = Math.max(0, Math.min(sorted.length - 1, level * (sorted.length - 1)));
  const low = sorted[Math.floor(at)] as number;
  return low + ((sorted[Math.ceil(at)] as number) - low) * (at % 1);
}

/**
 * Whether both samples can come from one distribution: means and deviations within 4.5 standard errors, and at each
 * recorded inner quantile the fraction of our values below it within 4.5 standard errors of the level.
 */
export function compareSummary(
  values: readonly number[],
  expected: Summary,
  recordedCount: number,
): string | undefined {
  if (values.length === 0) return "nothing was sampled";
  const { mean, std } = summarize(values);
  const error = 4.5 * Math.sqrt(1 / values.length + 1 / recordedCount);
  if (Math.abs(mean - expected.mean) > error * expected.std + 1e-9) return `mean ${mean} instead of ${expected.mean}`;
  if (Math.abs(std - expected.std) > 1.5 * error * expected.std + 1e-9) return `std ${std} instead of ${expected.std}`;
  for (const [i, level] of levels.entries()) {
    const at = expected.q?.[i];
    if (at === undefined || level === 0 || level === 1) continue;
    const below = values.filter((value) => value < at - 1e-9).length / values.length;
    const upTo = values.filter((value) => value <= at + 1e-9).length / values.length;
    const slack = error * Math.sqrt(level * (1 - level)) + 1e-9;
    // With steps in the distribution, the level lies anywhere between both fractions.
    if (level < below - slack || level > upTo + slack) return `${below} to ${upTo} lie below ${at}, expected ${level}`;
  }
  return undefined;
}

export function compareFraction(fraction: number, expected: number, recordedCount: number): string | undefined {
  const error = 4.5 * Math.sqrt((expected * (1 - expected) * 2) / recordedCount) + 1e-9;
  return Math.abs(fraction - expected) <= error ? undefined : `${fraction} instead of ${expected}`;
}
