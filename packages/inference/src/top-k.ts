/** A predicted class. */
export interface ClassProbability {
  readonly label: string;
  readonly index: number;
  /** Softmax probability, 0..1; of a multilabel model a sigmoid's. */
  readonly probability: number;
  /** Of a multilabel model: what the probability is above. */
  readonly threshold?: number;
}

/** The k most probable classes for one row of logits, best first. */
export function topK(logits: Float32Array, classNames: readonly string[], k: number): ClassProbability[] {
  const largest = logits.reduce((max, value) => Math.max(max, value), Number.NEGATIVE_INFINITY);
  const exponentials = Array.from(logits, (value) => Math.exp(value - largest));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials
    .map((value, index) => ({ label: classNames[index] ?? String(index), index, probability: value / sum }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, k);
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
