import { existsSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { CtError, getLogger, scratchFolder } from "@classifier-training/base";
import { OnnxClassifier } from "@classifier-training/inference";
import {
  type BundleManifest,
  type LabelsMapping,
  readLabelsMapping,
  readRun,
  runPaths,
  writeLabelsMapping,
} from "@classifier-training/runs";
import { readLabeledFiles } from "../data/labeled-files.ts";
import type { ReadingOptions } from "../data/options.ts";
import { withRefusal } from "../data/preprocessing.ts";
import { type LabeledFile, largestDifference, predictImages } from "../evaluation/predict-split.ts";
import type { OpenedCheckpoint } from "../model/recipe.ts";
import { MultilabelPredictions } from "../statistics/multilabel-predictions.ts";
import type { SplitPredictions } from "../statistics/predictions.ts";
import { checkpointOfRun } from "../training/checkpoints.ts";
import { recordedSplitsOf } from "../training/recorded-split.ts";
import { createBundle } from "./create.ts";

export interface ExportRequest {
  /** A run directory, an exported folder, or a checkpoint. */
  readonly model: string;
  /** The folder of the bundle. */
  readonly out: string;
  /** The dataset to measure on and to take the golden samples from. */
  readonly dataRoot: string;
  /** How it is read and split. */
  readonly reading: ReadingOptions;
  readonly split: string;
  /** Number of golden samples. */
  readonly golden: number;
  /** The fraction of images that predictions of the bundle call unreadable; by default as the model says. */
  readonly refuse?: number | undefined;
  /** @param what `measuring`, `comparing with LibTorch` */
  readonly onProgress?: (what: string) => (done: number, total: number) => void;
}

const log = getLogger("classifier.export");

/**
 * Makes a bundle of a trained model, measured on a split, and compared with LibTorch on it where the checkpoint is there.
 * @throws CtError when there is no model, or no data, or when model and checkpoint disagree
 */
export async function exportBundle({
  model,
  out,
  dataRoot,
  reading,
  split,
  golden,
  refuse,
  onProgress,
}: ExportRequest): Promise<BundleManifest> {
  const scratch = scratchFolder("export");
  try {
    const exported = await exportedModel(model, scratch);
    const classifier = await OnnxClassifier.load(exported.modelPath);
    const recorded = recordedSplitsOf([model]);
    const images = await readLabeledFiles(dataRoot, split, { ...reading, task: classifier.task }, recorded);
    const measured = await predictImages(classifier, images, onProgress?.("measuring"));
    await classifier.close();
    const { top1 } = measured;
    const labels = measured instanceof MultilabelPredictions ? { mAP: measured.intervals.mAP } : {};
    const maxAbsDiff = await parityOn(
      exported,
      classifier.mapping,
      images,
      measured,
      onProgress?.("comparing with LibTorch"),
    );
    const step = Math.max(1, Math.floor(images.length / Math.max(1, golden)));
    return await createBundle(out, {
      modelPath: exported.modelPath,
      labelsPath: labelsOf(exported, refuse, scratch),
      golden: images.filter((_, i) => i % step === 0).slice(0, golden),
      accuracy: { split, correct: top1.successes, n: top1.n, ...labels },
      source: { weights: model },
      ...(maxAbsDiff !== undefined && { parity: { maxAbsDiff, samples: images.length } }),
    });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The model's labels mapping; with a refusal of its own where one is chosen. */
function labelsOf({ folder }: ExportedModel, refuse: number | undefined, scratch: string): string {
  const path = join(folder, runPaths.labels);
  if (refuse === undefined) return path;
  writeLabelsMapping(scratch, withRefusal(readLabelsMapping(path), refuse, "--refuse"));
  return join(scratch, runPaths.labels);
}

interface ExportedModel {
  readonly folder: string;
  readonly modelPath: string;
  /** Where the weights are that the model was exported from. */
  readonly checkpoint: string | undefined;
  /** That checkpoint, when it was opened for the export. */
  readonly opened?: OpenedCheckpoint;
  /** Weights that were better than the checkpoint's own. */
  readonly betterWeights?: string | undefined;
}

async function exportedModel(path: string, scratch: string): Promise<ExportedModel> {
  if (!existsSync(path)) {
    throw new CtError({
      code: "export/model",
      what: "the model does not exist",
      where: path,
      fix: "give a run directory or a checkpoint",
    });
  }
  if (statSync(path).isDirectory()) {
    const modelPath = join(path, runPaths.model);
    const betterWeights = join(path, runPaths.bestWeightsTensors);
    if (existsSync(modelPath))
      return {
        folder: path,
        modelPath,
        checkpoint: comparedCheckpoint(path),
        ...(existsSync(betterWeights) && { betterWeights }),
      };
    if (readRun(path) !== undefined) return exportedModel(checkpointOfRun(path), scratch);
    throw new CtError({
      code: "export/model",
      what: "the folder has neither an exported model nor a checkpoint",
      where: path,
      fix: "give a run directory or a checkpoint",
    });
  }
  const { exportCheckpoint } = await import("./export-checkpoint.ts");
  const { opened, maxAbsDiff: parity } = await exportCheckpoint(path, scratch);
  log.info(`exported ${path}; ONNX Runtime differs by at most ${parity.toExponential(1)}`);
  return { folder: scratch, modelPath: join(scratch, runPaths.model), checkpoint: path, opened };
}

/** The checkpoint that a run's exported model is compared with, if it is still there. */
function comparedCheckpoint(dir: string): string | undefined {
  if (readRun(dir) === undefined) return undefined;
  try {
    return checkpointOfRun(dir);
  } catch (error) {
    if (!CtError.is(error)) throw error;
    log.warning(error.problem.what);
    return undefined;
  }
}

/** A model and its checkpoint may differ by float32 sums in another order; more means that they do not belong together. */
const largestParity = 1e-2;

/** A resumed run may preprocess images otherwise than the run that wrote the checkpoint: both get the same here. */
async function parityOn(
  { checkpoint, opened, betterWeights: weights, modelPath }: ExportedModel,
  labels: LabelsMapping,
  images: readonly LabeledFile[],
  measured: SplitPredictions,
  onProgress: ((done: number, total: number) => void) | undefined,
): Promise<number | undefined> {
  if (checkpoint === undefined) {
    log.warning("without the checkpoint of this model it is not compared with LibTorch");
    return undefined;
  }
  const { CheckpointClassifier } = await import("../inference/checkpoint-classifier.ts");
  const from = opened ?? checkpoint;
  const classifier = await CheckpointClassifier.load(from, { weights, labels }).catch((error: unknown) => {
    if (CtError.is(error) && error.code === "classifier/checkpoint") return undefined;
    throw error;
  });
  if (classifier === undefined) {
    log.warning("a custom network is not compared with LibTorch here: the export at the end of training did it");
    return undefined;
  }
  const largest = largestDifference(measured, await predictImages(classifier, images, onProgress));
  await classifier.close();
  if (largest <= largestParity) return largest;
  throw new CtError({
    code: "export/parity",
    what: `the exported model's logits differ by up to ${largest.toExponential(1)} from those of its checkpoint`,
    where: `${modelPath}, ${checkpoint}`,
    fix: "export the checkpoint itself: `classifier export CHECKPOINT`",
  });
}
