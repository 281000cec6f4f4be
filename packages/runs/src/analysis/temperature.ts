/** Inverse temperatures outside of these say that there is nothing to fit. */
const [least, most] = [0.05, 20];
const steps = 100;

/**
 * The temperature by which logits are divided so that their softmax fits the labels best (Guo et al. 2017): the minimum of
 * the negative log-likelihood, which is convex in 1 / T. By Newton's method, or bisection where that leaves the bracket.
 *
 * @param logits K a sample
 * @param labels class indices
 * @returns 1 without samples, where all predictions are right (the minimum is at T = 0 then), or logits are not finite
 */
export function fitTemperature(logits: readonly ArrayLike<number>[], labels: readonly number[]): number {
  const isRight = (row: ArrayLike<number>, i: number) =>
    Array.from(row).every((value) => value <= (row[labels[i] as number] as number));
  if (logits.every(isRight)) return 1;
  let [low, high, beta] = [least, most, 1];
  for (let step = 0; step < steps && high - low > 1e-9; step++) {
    const { slope, curvature } = derivatives(logits, labels, beta);
    if (!Number.isFinite(slope)) return 1;
    if (slope > 0) high = beta;
    else low = beta;
    const next = beta - slope / curvature;
    const following = next > low && next < high ? next : Math.sqrt(low * high);
    if (Math.abs(following - beta) < 1e-9 * beta) break;
    beta = following;
  }
  return 1 / beta;
}

/** Of the negative log-likelihood by the inverse temperature: the mean and the variance of the logits under their softmax. */
function derivatives(logits: readonly ArrayLike<number>[], labels: readonly number[], beta: number) {
  let [slope, curvature] = [0, 0];
  for (const [i, row] of logits.entries()) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < row.length; k++) largest = Math.max(largest, row[k] as number);
    let [sum, first, second] = [0, 0, 0];
    for (let k = 0; k < row.length; k++) {
      const value = (row[k] as number) - largest;
      const weight = Math.exp(beta * value);
      // An impossible class, whose logit is minus infinity, has no part in either.
      if (weight === 0) continue;
      sum += weight;
      first += weight * value;
      second += weight * value * value;
    }
    const mean = first / sum;
    slope += mean - ((row[labels[i] as number] as number) - largest);
    curvature += second / sum - mean * mean;
  }
  return { slope, curvature };
}
