/** A proportion with its 95% interval. */
export interface Interval {
  readonly successes: number;
  readonly n: number;
  /** successes / n; NaN when n is 0. */
  readonly value: number;
  /** Bounds of the 95% interval, in 0..1. */
  readonly low: number;
  readonly high: number;
}

const z95 = 1.959963984540054;

/**
 * A proportion with its 95% Wilson score interval (Wilson 1927), which stays inside 0..1 and holds for small n and for
 * proportions near 0 or 1, where the textbook's normal interval does not.
 */
export function wilsonInterval(successes: number, n: number): Interval {
  if (n === 0) return { successes, n, value: Number.NaN, low: 0, high: 1 };
  const value = successes / n;
  const z2 = z95 * z95;
  const middle = (value + z2 / (2 * n)) / (1 + z2 / n);
  const half = (z95 / (1 + z2 / n)) * Math.sqrt((value * (1 - value)) / n + z2 / (4 * n * n));
  return { successes, n, value, low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}

/** `93.4% (368 of 394; 95% interval 90.5% to 95.4%)`. */
export function describeInterval({ successes, n, value, low, high }: Interval): string {
  if (n === 0) return "no samples";
  return `${percent(value)} (${successes} of ${n}; 95% interval ${percent(low)} to ${percent(high)})`;
}

export function percent(value: number): string {
  return `${(100 * value).toFixed(1)}%`;
}
