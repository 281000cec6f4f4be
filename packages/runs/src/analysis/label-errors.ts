/** What a model that was not trained on a sample said of it. */
export interface OutOfFoldPrediction {
  /** The class that the sample is labeled with. */
  readonly label: number;
  /** Probabilities by class, 0..1: all of them, or the label's and the largest ones. */
  readonly probabilities: ReadonlyMap<number, number>;
}

/** A sample whose label may be wrong. */
export interface LabelSuspect {
  /** Its place in what was given. */
  readonly index: number;
  readonly label: number;
  /** The class that it probably is of. */
  readonly suggested: number;
  /** The probability of its label, 0..1: the lower, the more probably the label is wrong. */
  readonly selfConfidence: number;
  /** Whether confident learning counts it as a label error; otherwise the model only prefers another class. */
  readonly isConfident: boolean;
}

/**
 * Where the model prefers the label of fewer samples than this, most suspects are samples that it cannot tell: they are worth a
 * look from the top, and say nothing of how many labels are wrong.
 */
export const weakAgreement = 0.8;

/**
 * Samples whose label may be wrong, by the probability of their label (self-confidence), the lowest first: those for which
 * the model prefers another class, and those that confident learning counts as label errors (Northcutt, Jiang and Chuang
 * 2021, arXiv:1911.00068). There a class is plausible for a sample whose probability of it reaches the mean that samples
 * labeled so have, and the most probable plausible class is another one than the label.
 */
export function labelSuspects(predictions: readonly OutOfFoldPrediction[]): LabelSuspect[] {
  const sums = new Map<number, { sum: number; count: number }>();
  for (const { label, probabilities } of predictions) {
    const { sum, count } = sums.get(label) ?? { sum: 0, count: 0 };
    sums.set(label, { sum: sum + (probabilities.get(label) ?? 0), count: count + 1 });
  }
  // A class without a sample is plausible for none.
  const threshold = (k: number) => {
    const own = sums.get(k);
    return own === undefined ? Number.POSITIVE_INFINITY : own.sum / own.count;
  };
  return predictions
    .flatMap(({ label, probabilities }, index) => {
      const preferred = mostProbable(probabilities, () => true) ?? label;
      const plausible = mostProbable(probabilities, (k, p) => p >= threshold(k)) ?? label;
      const isConfident = plausible !== label;
      const suggested = isConfident ? plausible : preferred;
      if (suggested === label) return [];
      return [{ index, label, suggested, selfConfidence: probabilities.get(label) ?? 0, isConfident }];
    })
    .sort((a, b) => a.selfConfidence - b.selfConfidence || a.index - b.index);
}

function mostProbable(
  probabilities: ReadonlyMap<number, number>,
  isEligible: (k: number, p: number) => boolean,
): number | undefined {
  let [best, largest]: [number | undefined, number] = [undefined, -1];
  for (const [k, p] of probabilities) if (p > largest && isEligible(k, p)) [best, largest] = [k, p];
  return best;
}
