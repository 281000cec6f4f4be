/** A predicted class. */
export interface ClassProbability {
  readonly label: string;
  readonly index: number;
  /** Softmax probability, 0..1; of a multilabel model a sigmoid's. */
  readonly probability: number;
  /** Of a multilabel model: what the probability is above. */
  readonly threshold?: number;
}

/** The k most probable classes for one row of logits, best first. @param temperature what logits are divided by */
export function topK(
  logits: Float32Array,
  classNames: readonly string[],
  k: number,
  temperature = 1,
): ClassProbability[] {
  return softmax(logits, temperature)
    .map((probability, index) => ({ label: classNames[index] ?? String(index), index, probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, k);
}

/** @returns K probabilities */
export function softmax(logits: ArrayLike<number>, temperature: number): number[] {
  const values = Array.from(logits);
  const largest = values.reduce((max, value) => Math.max(max, value), Number.NEGATIVE_INFINITY);
  const exponentials = values.map((value) => Math.exp((value - largest) / temperature));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}

/** The classes of a multilabel model whose probabilities are above their thresholds, most probable first. */
export function aboveThreshold(
  logits: Float32Array,
  classNames: readonly string[],
  thresholds: readonly number[],
): Required<ClassProbability>[] {
  return Array.from(logits, (logit, index) => ({
    label: classNames[index] ?? String(index),
    index,
    probability: 1 / (1 + Math.exp(-logit)),
    threshold: thresholds[index] ?? 0.5,
  }))
    .filter(({ probability, threshold }) => probability > threshold)
    .sort((a, b) => b.probability - a.probability);
}
