import { Rng } from "@classifier-training/base";
import { fromTypedArray, noGrad, scope, type Tensor } from "@classifier-training/torch";

/** Images as a network knows them before its head. */
export interface LabeledFeatures {
  /** F values an image. */
  readonly features: readonly Float32Array[];
  /** Class indices. */
  readonly labels: readonly number[];
  readonly numClasses: number;
}

/** Full-batch steps of gradient descent with momentum; the loss is convex. */
const steps = 200;
const learningRate = 0.5;
const momentum = 0.9;
/** Of the weights: features are standardized, and few samples have many of them. */
const weightDecay = 0.1;

/** Each class spread evenly over the folds. */
export function stratifiedFolds(labels: readonly number[], folds: number): number[] {
  const fold = new Array<number>(labels.length).fill(0);
  const next = new Map<number, number>();
  for (const i of Rng.at(0, "out_of_fold").permutation(labels.length)) {
    const label = labels[i] as number;
    const at = next.get(label) ?? label % folds;
    fold[i] = at;
    next.set(label, (at + 1) % folds);
  }
  return fold;
}

/** Fits a multinomial logistic regression on some images, and applies it to others. @returns K probabilities of each of those */
export function fittedProbabilities(
  { features, labels, numClasses }: LabeledFeatures,
  train: readonly number[],
  held: readonly number[],
): Float32Array[] {
  if (train.length === 0 || held.length === 0) return held.map(() => new Float32Array(numClasses).fill(1 / numClasses));
  const rows = scope(() => {
    const { mean, deviation } = statistics(train.map((i) => features[i] as Float32Array));
    const matrix = (chosen: readonly number[]) => {
      const size = mean.length;
      const values = new Float32Array(chosen.length * (size + 1)).fill(1);
      for (const [j, i] of chosen.entries()) {
        const row = features[i] as Float32Array;
        for (let f = 0; f < size; f++)
          values[j * (size + 1) + f] = ((row[f] as number) - (mean[f] as number)) / (deviation[f] as number);
      }
      return fromTypedArray(values, [chosen.length, size + 1]);
    };
    const [x, others] = [matrix(train), matrix(held)];
    const weights = fit(
      x,
      BigInt64Array.from(train, (i) => BigInt(labels[i] as number)),
      numClasses,
    );
    return noGrad(() => others.matmul(weights).softmax(1).contiguous().toTypedArray() as Float32Array);
  });
  return held.map((_, j) => rows.slice(j * numClasses, (j + 1) * numClasses));
}

/** The minimum of the mean cross entropy with weight decay. @returns [F + 1, K] */
function fit(x: Tensor, labels: BigInt64Array, numClasses: number): Tensor {
  return noGrad(() => {
    const [n = 1, size = 1] = x.shape;
    const targets = oneHot(labels, numClasses);
    // A step of 1 / L does not overshoot: L grows with the number of features.
    const rate = learningRate / Math.max(1, size / 16);
    const weights = fromTypedArray(new Float32Array(size * numClasses), [size, numClasses]);
    const velocity = fromTypedArray(new Float32Array(size * numClasses), [size, numClasses]);
    for (let step = 0; step < steps; step++) {
      scope(() => {
        const gradient = x.t().matmul(x.matmul(weights).softmax(1).sub(targets)).div(n).add(weights.mul(weightDecay));
        velocity.mul_(momentum).sub_(gradient.mul(rate));
        weights.add_(velocity);
      });
    }
    return weights;
  });
}

function oneHot(labels: BigInt64Array, numClasses: number): Tensor {
  const values = new Float32Array(labels.length * numClasses);
  for (const [i, label] of labels.entries()) values[i * numClasses + Number(label)] = 1;
  return fromTypedArray(values, [labels.length, numClasses]);
}

function statistics(rows: readonly Float32Array[]): { mean: Float64Array; deviation: Float64Array } {
  const size = rows[0]?.length ?? 0;
  const [mean, deviation] = [new Float64Array(size), new Float64Array(size)];
  for (const row of rows) for (let f = 0; f < size; f++) mean[f]! += (row[f] as number) / rows.length;
  for (const row of rows)
    for (let f = 0; f < size; f++) deviation[f]! += ((row[f] as number) - (mean[f] as number)) ** 2 / rows.length;
  // A feature that is always the same says nothing.
  return { mean, deviation: deviation.map((variance) => Math.sqrt(variance) || 1) };
}
