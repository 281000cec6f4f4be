import { Rng } from "@classifier-training/base";
import { quantile } from "./calibration.ts";

/** The error of a model that was trained on `n` samples; several with the same `n` are repetitions. */
export interface LearningCurvePoint {
  readonly n: number;
  /** Error rate, 0..1. */
  readonly error: number;
  /** How many samples it was measured on. */
  readonly measuredOn: number;
}

/** `error(n) = scale * n ** -rate + floor` */
export interface PowerLaw {
  readonly scale: number;
  readonly rate: number;
  readonly floor: number;
}

/** An error rate with its 95% interval. */
export interface ForecastError {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface LearningCurve {
  readonly law: PowerLaw;
  /** What to expect of `n` training samples. */
  at(n: number): ForecastError;
}

const resamples = 300;

/** Floors that are tried, as fractions of the smallest error. */
const floors = Array.from({ length: 20 }, (_, i) => i / 20);

/**
 * A power law through errors at several sizes of the training data (Hestness et al. 2017; Rosenfeld et al. 2020), with an
 * interval by bootstrap: repetitions of a size are resampled, and each error varies as the binomial one of its samples
 * does. The same points have the same curve.
 *
 * @returns undefined for points of fewer than three sizes
 */
export function fitLearningCurve(points: readonly LearningCurvePoint[]): LearningCurve | undefined {
  const sizes = [...new Set(points.map(({ n }) => n))];
  if (sizes.length < 3) return undefined;
  const law = fitPowerLaw(points);
  const repetitions = sizes.map((n) => points.filter((point) => point.n === n));
  const laws = Array.from({ length: resamples }, (_, b) => {
    const rng = Rng.at(b, "learning_curve");
    return fitPowerLaw(
      repetitions.flatMap((own) =>
        own.map(() => {
          const point = own[rng.integer(own.length)] as LearningCurvePoint;
          const deviation = Math.sqrt((point.error * (1 - point.error)) / point.measuredOn);
          return { ...point, error: Math.min(1, Math.max(0, point.error + deviation * rng.normal())) };
        }),
      ),
    );
  });
  return {
    law,
    at(n) {
      const errors = laws.map((one) => valueAt(one, n));
      return { value: valueAt(law, n), low: quantile(errors, 0.025), high: quantile(errors, 0.975) };
    },
  };
}

function valueAt({ scale, rate, floor }: PowerLaw, n: number): number {
  return Math.min(1, scale * n ** -rate + floor);
}

/** Least squares: in logarithms for each floor, of which the one that leaves the smallest squared errors is taken. */
function fitPowerLaw(points: readonly LearningCurvePoint[]): PowerLaw {
  // Half an error: none at all has no logarithm.
  const least = ({ measuredOn }: LearningCurvePoint) => 0.5 / measuredOn;
  const errors = points.map((point) => Math.max(point.error, least(point)));
  const smallest = Math.min(...errors);
  let [best, bestLoss]: [PowerLaw, number] = [{ scale: smallest, rate: 0, floor: 0 }, Number.POSITIVE_INFINITY];
  for (const fraction of floors) {
    const floor = fraction * smallest;
    const line = regression(
      points.map(({ n }) => Math.log(n)),
      errors.map((error) => Math.log(error - floor)),
    );
    // More samples do no harm.
    const rate = Math.max(0, -line.slope);
    const scale = Math.exp(rate > 0 ? line.intercept : line.mean);
    const law = { scale, rate, floor };
    const loss = points.reduce((sum, { n }, i) => sum + (valueAt(law, n) - (errors[i] as number)) ** 2, 0);
    if (loss < bestLoss) [best, bestLoss] = [law, loss];
  }
  return best;
}

function regression(x: readonly number[], y: readonly number[]) {
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const [meanX, meanY] = [mean(x), mean(y)];
  const covariance = x.reduce((sum, value, i) => sum + (value - meanX) * ((y[i] as number) - meanY), 0);
  const variance = x.reduce((sum, value) => sum + (value - meanX) ** 2, 0);
  const slope = covariance / variance;
  return { slope, intercept: meanY - slope * meanX, mean: meanY };
}
