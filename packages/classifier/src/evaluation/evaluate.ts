import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Classifier } from "@classifier-training/inference";
import type { Interval, RefusedFraction, Slice } from "@classifier-training/runs";
import {
  bundlePaths,
  type ClassReport,
  classReport,
  classReports,
  expectedCalibrationError,
  joinLabels,
  quantile,
  refuseBelow,
  refusedFractions,
  sliceAccuracies,
} from "@classifier-training/runs";
import type { LabelMeasures, LabelReport } from "../statistics/multilabel.ts";
import { MultilabelPredictions } from "../statistics/multilabel-predictions.ts";
import type { SplitPredictions } from "../statistics/predictions.ts";
import { evaluateGroups, type GroupEvaluation } from "./groups.ts";
import { imageInput, type LabeledFile, predictImages } from "./predict-split.ts";

/** How one model did on a split. */
export interface ModelEvaluation {
  readonly name: string;
  readonly sizeBytes: number;
  /** Of a multilabel model: how often exactly the labels of an image are predicted. */
  readonly top1: Interval;
  readonly top5: Interval;
  /** Of a multilabel model, at its thresholds. */
  readonly multilabel?: LabelMeasures & { readonly perClass: Readonly<Record<string, LabelReport>> };
  /** By class name. */
  readonly perClass: Readonly<Record<string, ClassReport>>;
  readonly calibrationError: number;
  /** Of a model with a temperature, and what the calibration error is without it. */
  readonly temperature?: { readonly value: number; readonly calibrationErrorBefore: number };
  /** Accuracy of the others when the least confident images are refused; of a multiclass model. */
  readonly refusals?: readonly RefusedFraction[];
  /** What the refusal that the export has chosen does on these images. */
  readonly refusal?: RefusedFraction;
  /** By what is known of the images. */
  readonly slices?: readonly Slice[];
  /** By groups of images, such as tracks. */
  readonly grouped?: GroupEvaluation;
  /** Decoding to probabilities, one image at a time. */
  readonly latencyMs: { readonly p50: number; readonly p95: number };
  /** Per image, in the order of the split; several labels with | between them. */
  readonly predicted: readonly string[];
  /** Of the predicted class, or the set of labels. */
  readonly confidence: readonly number[];
  readonly correct: readonly boolean[];
  /** How many labels of each image are wrong. */
  readonly errors: readonly number[];
}

export interface EvaluateOptions {
  readonly onProgress?: (done: number, total: number) => void;
  /** Images timed one by one (default 50). */
  readonly timed?: number;
  /** The group of each image, and what they are by. */
  readonly groups?: { readonly by: string; readonly of: readonly (string | undefined)[] } | undefined;
  /** Values of each image, by key, by which its accuracy is sliced. */
  readonly slices?: readonly Readonly<Record<string, string>>[] | undefined;
}

/** Runs a model over labeled images. @throws CtError when the images have a class that the model does not know */
export async function evaluateClassifier(
  name: string,
  classifier: Classifier,
  images: readonly LabeledFile[],
  { onProgress, timed = 50, groups, slices }: EvaluateOptions = {},
): Promise<ModelEvaluation> {
  const { classNames } = classifier;
  const predictions = await predictImages(classifier, images, onProgress);
  const { labels, predicted, confidence, correct, errors, logits, temperature } = predictions;
  const nameOf = (index: number) => classNames[index] ?? "?";
  const byClass = <T>(reports: readonly T[]) => Object.fromEntries(reports.map((report, k) => [nameOf(k), report]));
  const multilabel = predictions instanceof MultilabelPredictions ? predictions : undefined;
  const reports = multilabel?.reports.map(asClassReport) ?? classReports(labels, predicted, classNames.length);
  const sure = multilabel === undefined ? confidence : labels.map((_, i) => multilabel.setConfidence(i));
  const times = await latencies(classifier, images.slice(0, timed));
  return {
    name,
    sizeBytes: sizeOf(name),
    top1: predictions.top1,
    top5: multilabel === undefined ? predictions.topK(5) : predictions.top1,
    ...(multilabel && { multilabel: { ...multilabel.intervals, perClass: byClass(multilabel.reports) } }),
    perClass: byClass(reports),
    calibrationError: expectedCalibrationError(sure, correct),
    ...(temperature !== 1 && { temperature: temperatureOf(predictions) }),
    ...(multilabel === undefined && refusalsOf(classifier, confidence, correct)),
    ...(slices !== undefined && { slices: sliceAccuracies(slices, correct) }),
    ...(groups !== undefined && {
      grouped: evaluateGroups(groups.by, groups.of, classifier, images, logits, correct),
    }),
    latencyMs: { p50: quantile(times, 0.5), p95: quantile(times, 0.95) },
    predicted: predicted.map((index, i) =>
      multilabel === undefined ? nameOf(index) : joinLabels(multilabel.predictedLabels(i).map(nameOf)),
    ),
    confidence: sure,
    correct,
    errors,
  };
}

function temperatureOf(predictions: SplitPredictions) {
  const { confidence, correct } = predictions.atTemperature(1);
  return { value: predictions.temperature, calibrationErrorBefore: expectedCalibrationError(confidence, correct) };
}

function refusalsOf(classifier: Classifier, confidence: readonly number[], correct: readonly boolean[]) {
  const { refuse = 0 } = classifier.mapping;
  const refusals = refusedFractions(confidence, correct);
  if (refuse === 0) return { refusals };
  const least = classifier.refusalConfidence();
  return { refusals, refusal: { fraction: refuse, ...refuseBelow(confidence, correct, least), confidence: least } };
}

function asClassReport({ tp, fp, fn }: LabelReport): ClassReport {
  return classReport(tp + fn, tp + fp, tp);
}

/** Of the model's file: in a folder that holds more, of `model.onnx`. */
function sizeOf(path: string): number {
  const model = statSync(path).isDirectory() ? join(path, bundlePaths.model) : path;
  return existsSync(model) ? statSync(model).size : 0;
}

async function latencies(classifier: Classifier, images: readonly LabeledFile[]): Promise<number[]> {
  const times: number[] = [];
  for (const image of images) {
    const input = await imageInput(image);
    const start = performance.now();
    await classifier.predict([input], { topK: 1 });
    times.push(performance.now() - start);
  }
  // The first call may still allocate and compile.
  return times.length > 3 ? times.slice(1) : times;
}
