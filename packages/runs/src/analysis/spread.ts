import { percent } from "./interval.ts";

/** How values of the same kind vary: of folds, or of trainings with other seeds. */
export interface Spread {
  readonly n: number;
  readonly mean: number;
  /** Of the sample: divided by n - 1. NaN of one value. */
  readonly deviation: number;
  /** Bounds of the 95% interval of the mean, by Student's t; NaN of one value. */
  readonly low: number;
  readonly high: number;
}

/** Quantiles 0.975 of Student's t distribution of 1, 2, ... degrees of freedom; the normal distribution's beyond them. */
const t975 = [
  ...[12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281],
  ...[2.201, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.093, 2.086],
  ...[2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423],
];
const z975 = 1.96;

export function spreadOf(values: readonly number[]): Spread {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = n < 2 ? Number.NaN : Math.sqrt(squares / (n - 1));
  const half = ((t975[n - 2] ?? z975) * deviation) / Math.sqrt(n);
  return { n, mean, deviation, low: mean - half, high: mean + half };
}

/** `mean 94.1%, standard deviation 0.6%`. */
export function describeSpread({ n, mean, deviation }: Spread): string {
  return `mean ${percent(mean)}${n < 2 ? "" : `, standard deviation ${percent(deviation)}`}`;
}

/** `95% interval of the mean 93.4% to 94.8% (n = 5)`. */
export function describeMeanInterval({ n, low, high }: Spread): string {
  return n < 2 ? `no interval (n = ${n})` : `95% interval of the mean ${percent(low)} to ${percent(high)} (n = ${n})`;
}
