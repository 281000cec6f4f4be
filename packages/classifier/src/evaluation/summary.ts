import { comparePython } from "@classifier-training/base";
import {
  type ClassReport,
  classReports,
  type Interval,
  type PredictionDetails,
  type PredictionRow,
  splitLabels,
  wilsonInterval,
} from "@classifier-training/runs";
import type { LabelMeasures } from "../statistics/multilabel.ts";
import type { SplitPredictions } from "../statistics/predictions.ts";

/** A prediction by the names of its sample and classes. */
export type NamedPrediction = PredictionRow;

export interface WeakClass {
  readonly name: string;
  readonly correct: number;
  readonly support: number;
  /** Of a multilabel model, whose classes may also be predicted too often. */
  readonly f1?: number;
}

/** What people ask first of the predictions for a split. */
export interface PredictionSummary {
  /** Of a multilabel model: how often exactly the labels of a sample are predicted. */
  readonly accuracy: Interval;
  /** Of a multilabel model. */
  readonly measures?: LabelMeasures;
  /** Those with errors, the lowest F1 first. */
  readonly weakest: readonly WeakClass[];
  /** All of them, the most confident first. */
  readonly errors: readonly NamedPrediction[];
}

/** @param worst how many of the weakest classes at most */
export function summarizePredictions(rows: readonly NamedPrediction[], worst: number): PredictionSummary {
  const errors = rows.filter(isWrong).sort((a, b) => b.confidence - a.confidence);
  const accuracy = wilsonInterval(rows.length - errors.length, rows.length);
  // Stored label sets have no probabilities to say more of.
  if (rows.some(({ counts }) => counts !== undefined)) return { accuracy, weakest: [], errors };
  return {
    accuracy,
    weakest: namedReports(rows)
      .filter(({ support, recall }) => support > 0 && recall < 1)
      .sort((a, b) => a.f1 - b.f1)
      .slice(0, worst),
    errors,
  };
}

export interface NamedReport extends ClassReport {
  readonly name: string;
}

/** How the classes fared that are there or predicted, sorted by name. */
export function namedReports(rows: readonly NamedPrediction[]): NamedReport[] {
  const isMultilabel = rows.some(({ counts }) => counts !== undefined);
  const labelsOf = (text: string) => (isMultilabel ? splitLabels(text) : [text]);
  const names = [...new Set(rows.flatMap((row) => [row.true, row.predicted].flatMap(labelsOf)))].sort(comparePython);
  const indices = new Map(names.map((name, i) => [name, i]));
  const index = (name: string) => indices.get(name) as number;
  if (!isMultilabel) {
    const [labels, predicted] = (["true", "predicted"] as const).map((key) => rows.map((row) => index(row[key])));
    const reports = classReports(labels ?? [], predicted ?? [], names.length);
    return reports.map((report, k) => ({ ...report, name: names[k] as string }));
  }
  // Each class is a question of its own: there or not, predicted or not.
  return names.map((name) => {
    const label = rows.map((row) => Number(labelsOf(row.true).includes(name)));
    const predicted = rows.map((row) => Number(labelsOf(row.predicted).includes(name)));
    return { ...(classReports(label, predicted, 2)[1] as ClassReport), name };
  });
}

/** A sample of a split, as reports name it. */
export interface NamedSample {
  readonly path: string;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** For a second table of the same predictions. */
export function withoutDetails(rows: readonly NamedPrediction[]): NamedPrediction[] {
  return rows.map(({ details: _, ...row }) => row);
}

/** How many of the most probable classes are kept. */
const topK = 5;

/** The details of each prediction, in their order. */
export function predictionDetailsOf(
  predictions: SplitPredictions,
  samples: readonly NamedSample[],
  nameOf: (label: number | undefined) => string,
): PredictionDetails[] {
  const { losses, indices } = predictions;
  return losses.map((loss, i) => {
    const row = predictions.probabilitiesOf(i);
    const { metadata = {} } = samples[indices[i] ?? i] ?? {};
    const known = Object.entries(metadata).flatMap(([key, value]) =>
      ["string", "number", "boolean"].includes(typeof value) ? [[key, String(value)] as const] : [],
    );
    return {
      loss,
      topK: largest(row, topK).map((k) => [nameOf(k), row[k] as number] as const),
      ...(known.length > 0 && { metadata: Object.fromEntries(known) }),
    };
  });
}

/** The places of the k largest values, the largest first: one pass, for thousands of classes. */
function largest(values: Float32Array, k: number): number[] {
  const best: number[] = [];
  for (const [i, value] of values.entries()) {
    if (best.length === k && value <= (values[best.at(-1) as number] as number)) continue;
    best.push(i);
    best.sort((a, b) => (values[b] as number) - (values[a] as number));
    best.length = Math.min(k, best.length);
  }
  return best;
}

/**
 * @param samples the paths of the split's images, by index
 * @param nameOf what a class is called
 */
export function namedPredictions(
  predictions: SplitPredictions,
  samples: readonly NamedSample[],
  nameOf: (label: number | undefined) => string,
): NamedPrediction[] {
  const { labels, indices, predicted, confidence } = predictions;
  const details = predictionDetailsOf(predictions, samples, nameOf);
  return labels.map((label, i) => {
    const index = indices[i] ?? i;
    return {
      sample: samples[index]?.path ?? String(index),
      true: nameOf(label),
      predicted: nameOf(predicted[i]),
      confidence: confidence[i] ?? 0,
      details: details[i],
    };
  });
}

/** Whether any label of a sample is wrong. */
export function isWrong({ true: label, predicted, counts }: NamedPrediction): boolean {
  return counts === undefined ? label !== predicted : counts.fp + counts.fn > 0;
}
