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
  let onlyFirst = 0;
  let onlySecond = 0;
  for (const [i, correct] of first.entries()) {
    if (correct && !second[i]) onlyFirst++;
    if (!correct && second[i]) onlySecond++;
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
