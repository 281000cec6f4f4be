import { relative } from "node:path";
import {
  copyWeights,
  EMACallback,
  type LightningModule,
  loadCheckpoint,
  ModelCheckpoint,
  StochasticWeightAveraging,
  type TrainerView,
} from "@classifier-training/lightning";
import type { DecisionRule, WeightsName } from "@classifier-training/runs";
import type { Tensor } from "@classifier-training/torch";
import { ClassificationModel, checkpointDecision } from "../model/classification-model.ts";

/** Weights that a training ended with. */
export interface Candidate {
  readonly name: WeightsName;
  /** By state-dict key; the candidate's own. */
  readonly weights: Map<string, Tensor>;
  /** The checkpoint they are from, or "the last step". */
  readonly source: string;
  /** What validation found best for these weights, where it measured them. */
  readonly decision?: DecisionRule;
}

/** Where a training's best weights are: the best checkpoint, if one was saved. */
export function bestCheckpoint(trainer: TrainerView): string | undefined {
  const checkpoint = trainer.callbacks.find((callback) => callback instanceof ModelCheckpoint);
  const path = checkpoint?.bestModelPath || undefined;
  return path === undefined ? undefined : relative(process.cwd(), path);
}

/**
 * All weights worth measuring when training ends, those that validation has measured first: of the best checkpoint, or
 * of the last step when none was saved, and SWA's average, which is the module's by then.
 */
export function weightCandidates(trainer: TrainerView, module: LightningModule): Candidate[] {
  const path = bestCheckpoint(trainer);
  const candidates = path === undefined ? ofLastStep(trainer, module) : ofCheckpoint(path);
  const swa = trainer.callbacks.find((callback) => callback instanceof StochasticWeightAveraging);
  if (swa === undefined || swa.averagedEpochs === 0) return candidates;
  // Without a checkpoint the module's weights are the average, and the raw ones are gone.
  const others = candidates.filter(({ name, source }) => name !== "raw" || source !== lastStep);
  return [...others, { name: "averaged", weights: copyWeights(module.stateDict()), source: lastStep }];
}

const lastStep = "the last step";

function ofCheckpoint(path: string): Candidate[] {
  const checkpoint = loadCheckpoint(path);
  const { stateDict, trainingStateDict } = checkpoint;
  const decision = checkpointDecision(checkpoint);
  if (trainingStateDict === undefined) return [{ name: "raw", weights: stateDict, source: path, decision }];
  return [
    { name: "ema", weights: stateDict, source: path, decision },
    { name: "raw", weights: trainingStateDict, source: path },
  ];
}

function ofLastStep(trainer: TrainerView, module: LightningModule): Candidate[] {
  const { decision = {} } = module instanceof ClassificationModel ? module : {};
  const raw: Candidate = { name: "raw", weights: copyWeights(module.stateDict()), source: lastStep, decision };
  const average = trainer.callbacks.find((callback) => callback instanceof EMACallback)?.average;
  return average === undefined
    ? [raw]
    : [{ name: "ema", weights: copyWeights(average), source: lastStep, decision }, raw];
}
