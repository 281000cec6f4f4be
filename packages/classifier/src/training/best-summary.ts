import { join } from "node:path";
import type { Callback } from "@classifier-training/lightning";
import { summaryOf } from "@classifier-training/lightning";
import { evaluationPaths, writePredictions } from "@classifier-training/runs";
import { BestWeightsCallback } from "../callbacks/best-weights.ts";
import type { ClassificationDataModule } from "../data/classification-datamodule.ts";
import { summarize } from "../evaluation/label-summary.ts";
import { readEpochPredictions } from "../evaluation/stored-predictions.ts";
import { type PredictionSummary, summarizePredictions } from "../evaluation/summary.ts";

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
    const nameOf = (label: number | undefined) => classNames[label ?? -1] ?? String(label);
    const { rows, summary } = summarize(measured, data.samples("val"), nameOf, weakest);
    writePredictions(join(outputDir, evaluationPaths.predictions), rows);
    return summary;
  }
  const epoch = bestCheckpoint === undefined ? undefined : summaryOf(bestCheckpoint)?.epoch;
  const stored = epoch === undefined ? undefined : readEpochPredictions(outputDir, epoch);
  return stored && summarizePredictions(stored, weakest);
}
