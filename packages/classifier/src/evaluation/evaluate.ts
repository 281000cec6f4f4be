import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { CtError } from "@classifier-training/base";
import { type Classifier, topK } from "@classifier-training/inference";
import { bundlePaths } from "@classifier-training/runs";
import { expectedCalibrationError, quantile } from "../statistics/calibration.ts";
import { type ClassReport, classReports, countConfusions } from "../statistics/confusion.ts";
import { type Proportion, proportion } from "../statistics/interval.ts";

/** A picture with its true class. */
export interface LabeledFile {
  readonly path: string;
  readonly label: string;
}

/** How one model did on a split. */
export interface ModelEvaluation {
  readonly name: string;
  readonly sizeBytes: number;
  readonly top1: Proportion;
  readonly top5: Proportion;
  /** By class name. */
  readonly perClass: Readonly<Record<string, ClassReport>>;
  readonly calibrationError: number;
  /** Decoding to probabilities, one picture at a time. */
  readonly latencyMs: { readonly p50: number; readonly p95: number };
  /** Per picture, in the order of the split. */
  readonly predicted: readonly string[];
  readonly correct: readonly boolean[];
}

/** With the model's raw outputs, a row of K a picture, which reports leave out. */
export interface ModelOutputs extends ModelEvaluation {
  readonly logits: readonly Float32Array[];
}

export interface EvaluateOptions {
  readonly onProgress?: (done: number, total: number) => void;
  /** Pictures timed one by one (default 50). */
  readonly timed?: number;
}

/** Runs a model over labelled pictures. @throws CtError when the pictures have a class that the model does not know */
export async function evaluateClassifier(
  name: string,
  classifier: Classifier,
  pictures: readonly LabeledFile[],
  { onProgress, timed = 50 }: EvaluateOptions = {},
): Promise<ModelOutputs> {
  const { classNames } = classifier;
  const labels = pictures.map(({ label, path }) => indexOf(classNames, label, path));
  const predicted: number[] = [];
  const confidence: number[] = [];
  const logits: Float32Array[] = [];
  let inTop5 = 0;
  for (let start = 0; start < pictures.length; start += 32) {
    const batch = pictures.slice(start, start + 32);
    const rows = await classifier.logits(batch.map(({ path }) => path));
    logits.push(...rows);
    for (const [i, row] of rows.entries()) {
      const guesses = topK(row, classNames, 5);
      predicted.push(guesses[0]?.index ?? -1);
      confidence.push(guesses[0]?.probability ?? 0);
      if (guesses.some(({ index }) => index === labels[start + i])) inTop5++;
    }
    onProgress?.(predicted.length, pictures.length);
  }
  const correct = predicted.map((index, i) => index === labels[i]);
  const reports = classReports(countConfusions(labels, predicted, classNames.length));
  const times = await latencies(classifier, pictures.slice(0, timed));
  return {
    name,
    sizeBytes: sizeOf(name),
    top1: proportion(correct.filter(Boolean).length, pictures.length),
    top5: proportion(inTop5, pictures.length),
    perClass: Object.fromEntries(reports.map((report, k) => [classNames[k] ?? String(k), report])),
    calibrationError: expectedCalibrationError(confidence, correct),
    latencyMs: { p50: quantile(times, 0.5), p95: quantile(times, 0.95) },
    predicted: predicted.map((index) => classNames[index] ?? "?"),
    correct,
    logits,
  };
}

/** Of the model's file: in a folder that holds more, of `model.onnx`. */
function sizeOf(path: string): number {
  const model = statSync(path).isDirectory() ? join(path, bundlePaths.model) : path;
  return existsSync(model) ? statSync(model).size : 0;
}

function indexOf(classNames: readonly string[], label: string, path: string): number {
  const index = classNames.indexOf(label);
  if (index >= 0) return index;
  throw new CtError({
    code: "evaluate/classes",
    what: `the model has no class '${label}'`,
    where: path,
    fix: `it knows ${classNames.length} classes: ${classNames.slice(0, 12).join(", ")}${classNames.length > 12 ? ", ..." : ""}`,
  });
}

async function latencies(classifier: Classifier, pictures: readonly LabeledFile[]): Promise<number[]> {
  const times: number[] = [];
  for (const { path } of pictures) {
    const start = performance.now();
    await classifier.predict([path], { topK: 1 });
    times.push(performance.now() - start);
  }
  // The first call may still allocate and compile.
  return times.length > 3 ? times.slice(1) : times;
}
