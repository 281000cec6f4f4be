import type { DecisionRule } from "@classifier-training/runs";
import {
  bestThresholds,
  bootstrapScores,
  defaultThreshold,
  describeMeasure,
  type LabelMeasures,
  type LabelReport,
  type LabelTable,
  labelReports,
  labelScores,
  sigmoid,
} from "./multilabel.ts";
import { type BatchPredictions, type Score, SplitPredictions } from "./predictions.ts";

/**
 * A multilabel model's predictions for a split: every class whose probability is above its threshold. `correct` is
 * whether all classes of a sample are right (exact match), `top1` how often that is so.
 */
export class MultilabelPredictions extends SplitPredictions {
  /** [N * K]: 1 for the classes of a sample. */
  readonly targets: Uint8Array;
  /** A probability of each class. */
  readonly thresholds: readonly number[];
  readonly #table: LabelTable;
  #reports: readonly LabelReport[] | undefined;
  #intervals: LabelMeasures | undefined;

  /** @param thresholds those of the model; by default the best ones for these very predictions */
  constructor(batches: readonly BatchPredictions[], thresholds?: readonly number[]) {
    super(batches);
    this.targets = Uint8Array.from(batches.flatMap(({ targets = [] }) => [...targets]));
    const probabilities = Float64Array.from(this.logits.flatMap((row) => Array.from(row, sigmoid)));
    this.#table = { numClasses: this.numClasses, probabilities, targets: this.targets };
    this.thresholds = thresholds ?? bestThresholds(this.#table);
  }

  /** Classes of a sample. */
  trueLabels(sample: number): number[] {
    return this.#where(sample, (i) => this.targets[i] === 1);
  }

  /** Classes of a sample that are predicted. */
  predictedLabels(sample: number): number[] {
    return this.#where(sample, (i) => this.#isPredicted(i));
  }

  #where(sample: number, has: (i: number) => boolean): number[] {
    const { numClasses } = this;
    return Array.from({ length: numClasses }, (_, k) => k).filter((k) => has(sample * numClasses + k));
  }

  #isPredicted(i: number): boolean {
    return (this.#table.probabilities[i] as number) > (this.thresholds[i % this.numClasses] ?? defaultThreshold);
  }

  override get errors(): number[] {
    const { numClasses } = this;
    return this.labels.map((_, sample) => {
      let wrong = 0;
      for (let i = sample * numClasses; i < (sample + 1) * numClasses; i++) {
        if (this.#isPredicted(i) !== (this.targets[i] === 1)) wrong++;
      }
      return wrong;
    });
  }

  /** Of a sample with errors the probability that its most confident error has; of others that of the least confident class. */
  setConfidence(sample: number): number {
    const { numClasses } = this;
    const decisions = Array.from({ length: numClasses }, (_, k) => {
      const i = sample * numClasses + k;
      const p = this.#table.probabilities[i] as number;
      const predicted = this.#isPredicted(i);
      return { confidence: predicted ? p : 1 - p, right: predicted === (this.targets[i] === 1) };
    });
    const wrong = decisions.filter(({ right }) => !right).map(({ confidence }) => confidence);
    return wrong.length > 0 ? Math.max(...wrong) : Math.min(...decisions.map(({ confidence }) => confidence));
  }

  /** By class, at the thresholds. */
  get reports(): readonly LabelReport[] {
    this.#reports ??= labelReports(this.#table, this.thresholds);
    return this.#reports;
  }

  get intervals(): LabelMeasures {
    this.#intervals ??= bootstrapScores(this.#table, this.thresholds);
    return this.#intervals;
  }

  override get score(): Score {
    const { mAP } = labelScores(this.reports);
    return { name: "mAP", value: mAP, describe: () => describeMeasure("mAP", this.intervals.mAP) };
  }

  /** Mean binary cross entropy of each sample over its classes, without weights and label smoothing. */
  override get losses(): number[] {
    const { numClasses, targets } = this;
    return this.logits.map((row, sample) => {
      const sum = row.reduce((total, logit, k) => {
        const signed = targets[sample * numClasses + k] === 1 ? -logit : logit;
        // log(1 + exp(x)), for large x too.
        return total + Math.max(0, signed) + Math.log1p(Math.exp(-Math.abs(signed)));
      }, 0);
      return sum / Math.max(1, numClasses);
    });
  }

  /** Sigmoid probabilities of a sample, K of them. */
  override probabilitiesOf(sample: number): Float32Array {
    return (this.logits[sample] as Float32Array).map(sigmoid);
  }
}

/** The predictions of a split, of whichever task, as a model decides. */
export function splitPredictions(
  batches: readonly BatchPredictions[],
  { thresholds, calibration }: DecisionRule = {},
): SplitPredictions {
  return batches[0]?.targets === undefined
    ? new SplitPredictions(batches, calibration?.temperature)
    : new MultilabelPredictions(batches, thresholds);
}
