/** Class weights of the loss. */
export type ClassWeighting = "inverse" | "effective" | "none";

const beta = 0.999;

/**
 * Weights of the classes, normalized to sum to their number, so that the loss keeps its scale.
 * `inverse`: 1 / count. `effective`: (1 - beta) / (1 - beta^count) with beta = 0.999, the inverse of the effective number of
 * samples (Cui et al. 2019), which spares very rare classes the extreme weights. A class without samples counts as one.
 */
export function classWeights(counts: ArrayLike<number>, weighting: ClassWeighting): Float32Array {
  const raw = Array.from(counts, (count) => {
    const n = Math.max(1, count);
    if (weighting === "none") return 1;
    return weighting === "inverse" ? 1 / n : (1 - beta) / (1 - beta ** n);
  });
  const sum = raw.reduce((total, weight) => total + weight, 0);
  return Float32Array.from(raw, (weight) => (weight / sum) * raw.length);
}

/**
 * Weights of the positive samples of each class in a multilabel loss (`pos_weight`). `inverse`: negatives / positives, as
 * PyTorch's documentation of BCEWithLogitsLoss suggests. `effective`: the ratio of the effective numbers of samples
 * (Cui et al. 2019), at most 1000. A class without samples of a kind counts as one of it.
 */
export function positiveWeights(counts: ArrayLike<number>, samples: number, weighting: ClassWeighting): Float32Array {
  const effective = (n: number) => (weighting === "effective" ? 1 - beta ** n : n);
  return Float32Array.from(counts, (count) =>
    weighting === "none" ? 1 : effective(Math.max(1, samples - count)) / effective(Math.max(1, count)),
  );
}
