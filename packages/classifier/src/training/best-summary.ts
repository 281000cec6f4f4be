import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Callback, type CheckpointSummary, summaryOf } from "@classifier-training/lightning";
import { evaluationPaths, type Run, writePredictions } from "@classifier-training/runs";
import { BestWeightsCallback } from "../callbacks/best-weights.ts";
import type { ClassificationDataModule } from "../data/classification-datamodule.ts";
import { readLabelLogits, type StoredLabels, writeLabelLogits } from "../evaluation/label-logits.ts";
import { summarize, summarizeLabels } from "../evaluation/label-summary.ts";
import { namedRows, readEpochPredictions } from "../evaluation/stored-predictions.ts";
import { type NamedPrediction, type PredictionSummary, summarizePredictions } from "../evaluation/summary.ts";
import { MultilabelPredictions } from "../statistics/multilabel-predictions.ts";

/** How many of the weakest classes a training ends with. */
const weakest = 5;

/**
 * What the best weights said of validation: as they were measured when training ended (the run keeps them), else as the best checkpoint's epoch
 * has stored it. Undefined where neither is there.
 */
export function summarizeBest(
  outputDir: string,
  callbacks: readonly Callback[],
  data: ClassificationDataModule,
  bestCheckpoint: string | undefined,
): PredictionSummary | undefined {
  const measured = callbacks.find((callback) => callback instanceof BestWeightsCallback)?.predictions;
  if (measured !== undefined) {
    const { classNames } = data;
    const { rows, summary } = summarize(measured, data.samples("val"), classNamer(classNames), weakest);
    writePredictions(join(outputDir, evaluationPaths.predictions), rows);
    if (measured instanceof MultilabelPredictions) writeLabelLogits(outputDir, measured, classNames);
    return summary;
  }
  const epoch = bestCheckpoint === undefined ? undefined : summaryOf(bestCheckpoint)?.epoch;
  const stored = epoch === undefined ? undefined : readEpochPredictions(outputDir, epoch);
  return stored && summarizePredictions(stored, weakest);
}

/** What a run has stored of its best weights' predictions for validation. */
export interface StoredBest {
  readonly rows: readonly NamedPrediction[];
  /** Of a multilabel run, where its logits are stored. */
  readonly labels: StoredLabels | undefined;
}

/** As they were measured when training ended, else as the best checkpoint's epoch has stored it; undefined where neither is there. */
export function storedBest(run: Run): StoredBest | undefined {
  const file = join(run.dir, evaluationPaths.predictions);
  if (existsSync(file)) {
    const rows = namedRows(file);
    return { rows, labels: readLabelLogits(run.dir, rows) };
  }
  const epoch = bestCheckpointOf(run)?.epoch;
  const rows = epoch === undefined ? undefined : readEpochPredictions(run.dir, epoch);
  return rows && { rows, labels: undefined };
}

/** The summary that a training ended with, from what it has stored. */
export function storedSummary(run: Run): PredictionSummary | undefined {
  const { rows, labels } = storedBest(run) ?? {};
  if (rows === undefined) return undefined;
  if (labels === undefined) return summarizePredictions(rows, weakest);
  return summarizeLabels(labels.predictions, rows, classNamer(labels.classNames), weakest);
}

/** The header of a run's best checkpoint; undefined where it is not there any more. */
export function bestCheckpointOf({ dir, record }: Run): CheckpointSummary | undefined {
  const path = record.checkpointPath === undefined ? undefined : join(dir, record.checkpointPath);
  return path !== undefined && existsSync(path) ? summaryOf(path) : undefined;
}

function classNamer(classNames: readonly string[]) {
  return (label: number | undefined) => classNames[label ?? -1] ?? String(label);
}
