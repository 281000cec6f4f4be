import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { CtError } from "@classifier-training/base";
import { inspectCheckpoint, summaryOf } from "@classifier-training/lightning";
import {
  type RunRecordInput,
  readBestWeights,
  readRun,
  readSplitRecord,
  runPaths,
  type WeightsName,
} from "@classifier-training/runs";
import type { PredictionSummary } from "../evaluation/summary.ts";
import { storedSummary } from "./best-summary.ts";

/** What a training left behind. */
export interface TrainResult {
  /** The run directory. */
  readonly outputDir: string;
  /** The last values of all metrics. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly bestCheckpoint: string | undefined;
  /** Which of its weights were best, when they were compared. */
  readonly bestWeights: WeightsName | undefined;
  /** How many sets of weights and input sizes the best was chosen of, on validation. */
  readonly measured: number;
  /** Width and height of the exported model's input in pixels, where another size than the training's was better. */
  readonly inputSize: number | undefined;
  /** The best value of what the checkpoint callback monitors. */
  readonly bestScore: number | undefined;
  /** Samples of the last validation: what an accuracy rests on. */
  readonly validationSamples: number;
  /** The metric of `bestScore`. */
  readonly monitor: string;
  readonly mode: "min" | "max";
  /** What the best weights said of validation. */
  readonly summary: PredictionSummary | undefined;
  /** The data, as the configuration names it. */
  readonly dataRoot: string | undefined;
  /** Which fold it was validated on, of how many. */
  readonly folds: { readonly count: number; readonly fold: number } | undefined;
  /** `train` where it was validated on training images, and the validation split of the data is for `test`. */
  readonly valFrom: "train" | undefined;
  /** A `fast_dev_run`: it leaves no result. */
  readonly isTrial: boolean;
}

/** The result of a run that has ended, from what it has stored. @throws CtError where there is no run */
export function storedResult(dir: string, dataRoot: string | undefined): TrainResult {
  const run = readRun(dir);
  if (run === undefined) throw new CtError({ code: "classifier/run", what: "the run is gone", where: dir });
  const { checkpointPath, best, monitor, bestWeights } = run.record;
  const summary = storedSummary(run);
  const report = readBestWeights(dir);
  const { chosen, trained } = report?.inputSize ?? {};
  const split = join(dir, runPaths.split);
  const by = existsSync(split) ? readSplitRecord(split).by : undefined;
  return {
    outputDir: dir,
    metrics: {},
    bestCheckpoint: checkpointPath && join(dir, checkpointPath),
    bestWeights,
    measured: report?.measured ?? 0,
    inputSize: chosen === trained ? undefined : chosen,
    bestScore: best?.value,
    validationSamples: summary?.accuracy.n ?? 0,
    monitor: monitor?.name ?? "",
    mode: monitor?.mode ?? "max",
    summary,
    dataRoot,
    folds: by?.folds,
    valFrom: by?.valFrom,
    isTrial: false,
  };
}

/** What the run's record says of the result, for the dashboard and for later commands. */
export function describedResult(result: TrainResult): Partial<RunRecordInput> {
  const { outputDir, bestCheckpoint, bestWeights, bestScore, monitor, mode } = result;
  return {
    ...(existsSync(join(outputDir, runPaths.model)) && { modelPath: runPaths.model, labelsPath: runPaths.labels }),
    ...(bestCheckpoint !== undefined &&
      existsSync(bestCheckpoint) && {
        checkpointPath: relative(outputDir, bestCheckpoint),
        checkpointHash: inspectCheckpoint(bestCheckpoint).weightsSha256,
      }),
    ...(bestWeights !== undefined && { bestWeights }),
    ...(bestScore !== undefined && {
      best: { value: bestScore, ...reachedAt(bestCheckpoint) },
      monitor: { name: monitor, mode },
    }),
  };
}

/** The epoch and the step that a checkpoint was saved in. */
function reachedAt(checkpoint: string | undefined): { readonly epoch?: number; readonly step?: number } {
  const summary = checkpoint === undefined ? undefined : summaryOf(checkpoint);
  return summary === undefined ? {} : { epoch: summary.epoch, step: summary.globalStep };
}
