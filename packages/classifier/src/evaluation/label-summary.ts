import { describeInterval, type Interval, joinLabels } from "@classifier-training/runs";
import { describeMeasure, type LabelMeasures } from "../statistics/multilabel.ts";
import { MultilabelPredictions } from "../statistics/multilabel-predictions.ts";
import type { SplitPredictions } from "../statistics/predictions.ts";
import {
  isWrong,
  type NamedPrediction,
  type NamedSample,
  namedPredictions,
  type PredictionSummary,
  predictionDetailsOf,
  summarizePredictions,
  type WeakClass,
} from "./summary.ts";

type NameOf = (label: number | undefined) => string;

/** @param samples the paths of the split's images, by index */
export function namedLabelPredictions(
  predictions: MultilabelPredictions,
  samples: readonly NamedSample[],
  nameOf: NameOf,
): NamedPrediction[] {
  const details = predictionDetailsOf(predictions, samples, nameOf);
  return predictions.indices.map((index, i) => {
    const [labels, predicted] = [predictions.trueLabels(i), predictions.predictedLabels(i)];
    const tp = predicted.filter((label) => labels.includes(label)).length;
    return {
      sample: samples[index]?.path ?? String(index),
      true: joinLabels(labels.map(nameOf)),
      predicted: joinLabels(predicted.map(nameOf)),
      confidence: predictions.setConfidence(i),
      counts: { tp, fp: predicted.length - tp, fn: labels.length - tp },
      details: details[i],
    };
  });
}

/** @param worst how many of the weakest classes at most: those of the lowest F1 */
export function summarizeLabels(
  predictions: MultilabelPredictions,
  rows: readonly NamedPrediction[],
  nameOf: NameOf,
  worst: number,
): PredictionSummary {
  return {
    accuracy: predictions.top1,
    measures: predictions.intervals,
    weakest: predictions.reports
      .map(({ tp, fn, f1 }, k) => ({ name: nameOf(k), correct: tp, support: tp + fn, f1 }))
      .filter(({ support, f1 }) => support > 0 && f1 < 1)
      .sort((a, b) => a.f1 - b.f1)
      .slice(0, worst),
    errors: rows.filter(isWrong).sort((a, b) => b.confidence - a.confidence),
  };
}

/** `mAP 83.1% (95% interval ...)` and the others, a line each. */
export function describeMeasures({ mAP, f1Macro, f1Micro }: LabelMeasures, exact: Interval): string[] {
  return [
    describeMeasure("mAP", mAP),
    describeMeasure("F1 macro", f1Macro),
    describeMeasure("F1 micro", f1Micro),
    `exact match ${describeInterval(exact)}`,
  ];
}

/** `dog (3 of 9)`; `dog (F1 0.62, 3 of 9)`, since classes of a multilabel model may be predicted too often. */
export function describeWeakness({ name, correct, support, f1 }: WeakClass): string {
  return `${name} (${f1 === undefined ? "" : `F1 ${f1.toFixed(2)}, `}${correct} of ${support})`;
}

/** What people ask first, and the rows it is of. @param worst how many of the weakest classes at most */
export function summarize(
  predictions: SplitPredictions,
  samples: readonly NamedSample[],
  nameOf: NameOf,
  worst: number,
): { readonly rows: NamedPrediction[]; readonly summary: PredictionSummary } {
  if (predictions instanceof MultilabelPredictions) {
    const rows = namedLabelPredictions(predictions, samples, nameOf);
    return { rows, summary: summarizeLabels(predictions, rows, nameOf, worst) };
  }
  const rows = namedPredictions(predictions, samples, nameOf);
  return { rows, summary: summarizePredictions(rows, worst) };
}
