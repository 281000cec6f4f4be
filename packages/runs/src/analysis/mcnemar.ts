/** Two models on the same samples. */
export interface McNemarResult {
  /** Samples that only the first, or only the second, got right. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** Two-sided probability of a split this uneven or more between equally good models. */
  readonly pValue: number;
  /** Whether the difference is significant at the 5% level. */
  readonly distinguishable: boolean;
}

/**
 * McNemar's exact test (McNemar 1947, with the binomial distribution in place of its chi-square approximation): only the
 * samples on which the two models differ carry information about which is better.
 *
 * @param first,second whether each sample was predicted correctly; of the same length and order
 */
export function mcnemarTest(first: readonly boolean[], second: readonly boolean[]): McNemarResult {
  const wrong = (correct: readonly boolean[]) => correct.map((one) => (one ? 0 : 1));
  return compareErrors(wrong(first), wrong(second));
}

/**
 * The exact sign test on the numbers of wrong labels: McNemar's test, for samples of several labels. `onlyFirst` are the
 * samples for which the first model has fewer of them wrong.
 *
 * @param first,second wrong labels of each sample; of the same length and order
 */
export function compareErrors(first: readonly number[], second: readonly number[]): McNemarResult {
  let onlyFirst = 0;
  let onlySecond = 0;
  for (const [i, wrong] of first.entries()) {
    const other = second[i] ?? 0;
    if (wrong < other) onlyFirst++;
    if (wrong > other) onlySecond++;
  }
  const pValue = binomialTwoSided(Math.min(onlyFirst, onlySecond), onlyFirst + onlySecond);
  return { onlyFirst, onlySecond, pValue, distinguishable: pValue < 0.05 };
}

/** P(at most `k` or at least `n - k` heads) in `n` fair tosses, for k <= n / 2. Summed in logarithms: n may be large. */
function binomialTwoSided(k: number, n: number): number {
  if (n === 0) return 1;
  let logTerm = -n * Math.LN2;
  let sum = Math.exp(logTerm);
  for (let i = 1; i <= k; i++) {
    logTerm += Math.log((n - i + 1) / i);
    sum += Math.exp(logTerm);
  }
  return Math.min(1, 2 * sum);
}
