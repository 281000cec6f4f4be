import { existsSync } from "node:fs";
import { relative } from "node:path";
import {
  asModelInput,
  copyWeights,
  disposeWeights,
  estimateBatchNorms,
  type LightningModule,
  loadCheckpoint,
  ModelCheckpoint,
  type TrainerView,
  withWeights,
} from "@classifier-training/lightning";
import { isFloatingPoint, noGrad, scope, type Tensor } from "@classifier-training/torch";
import type { ImageFolderDataModule } from "../data/image-folder-datamodule.ts";
import type { SplitPredictions } from "../statistics/predictions.ts";
import type { Candidate } from "./weight-candidates.ts";

/** Predictions of validation, and how long they took. */
export interface Measurement {
  readonly predictions: SplitPredictions;
  readonly seconds: number;
}

/** Weights, and what they say of validation. */
export interface Measured extends Measurement {
  readonly candidate: Candidate;
}

/** Checkpoints beside the best that are tried, and training images that batch norms are estimated on. */
const mostCheckpoints = 4;
const normImages = 4096;

/** The order of candidates: the better score (more samples right, or the higher mAP), then the lower loss. */
export function isBetter(one: SplitPredictions, other: SplitPredictions): boolean {
  const [ours, theirs] = [one.score.value, other.score.value];
  return ours === theirs ? one.loss < other.loss : ours > theirs;
}

/** The weights of the other checkpoints that were kept, those that validation has measured, the best first; read when their turn comes. */
function* otherCheckpoints(trainer: TrainerView): Generator<Candidate> {
  const kept = trainer.callbacks.find((callback) => callback instanceof ModelCheckpoint);
  if (kept === undefined) return;
  const sign = kept.mode === "max" ? -1 : 1;
  const others = [...kept.bestKModels]
    .filter(([path, score]) => path !== kept.bestModelPath && Number.isFinite(score) && existsSync(path))
    .sort(([, a], [, b]) => sign * (a - b));
  for (const [path] of others.slice(0, mostCheckpoints)) {
    const { stateDict, trainingStateDict } = loadCheckpoint(path);
    if (trainingStateDict !== undefined) disposeWeights(trainingStateDict);
    const name = trainingStateDict === undefined ? "raw" : "ema";
    yield { name, weights: stateDict, source: relative(process.cwd(), path) };
  }
}

/**
 * Greedy soup (Wortsman et al. 2022): starting from the best weights, those of the other checkpoints and the other
 * candidates are taken into the mean, one after the other, as long as validation gets better by it. Batch norms are
 * estimated anew on training images.
 * @param measure predictions of validation with the weights that the module has
 * @returns the soup, if anything has made it better, and how many means were measured
 */
export async function greedySoup(
  candidates: readonly Measured[],
  trainer: TrainerView,
  module: LightningModule,
  data: ImageFolderDataModule,
  measure: () => Promise<Measurement>,
): Promise<{ soup: Measured | undefined; tried: number }> {
  const [start, ...others] = [...candidates].sort((a, b) => (isBetter(a.predictions, b.predictions) ? -1 : 1));
  if (start === undefined || !canMix(trainer, module)) return { soup: undefined, tried: 0 };
  const members = [start.candidate];
  let best = start;
  let mean = copyWeights(start.candidate.weights);
  let tried = 0;
  const tryOne = async (one: Candidate) => {
    const next = meanWith(mean, one.weights, members.length);
    const trial = await withWeights(module, next, async () => {
      await estimateNorms(module, data);
      return { weights: copyWeights(module.stateDict()), ...(await measure()) };
    });
    tried++;
    const isKept = Number.isFinite(trial.predictions.loss) && isBetter(trial.predictions, best.predictions);
    disposeWeights(isKept ? mean : next);
    if (!isKept) {
      disposeWeights(trial.weights);
      return;
    }
    mean = next;
    members.push(one);
    if (best !== start) disposeWeights(best.candidate.weights);
    const source = members.map((member) => `${member.source} (${member.name})`).join(" + ");
    best = { ...trial, candidate: { name: "soup", weights: trial.weights, source } };
  };
  for (const one of otherCheckpoints(trainer)) {
    await tryOne(one);
    disposeWeights(one.weights);
  }
  for (const { candidate } of others) await tryOne(candidate);
  disposeWeights(mean);
  return { soup: best === start ? undefined : best, tried };
}

/** Batch norms that are synchronized between ranks need them all, and this runs on the first. */
function canMix(trainer: TrainerView, module: LightningModule): boolean {
  const isSynchronized = [...module.modules()].some((part) => "synchronized" in part && part.synchronized === true);
  return trainer.worldSize === 1 || !isSynchronized;
}

/** The mean of `count` sets of weights and one more; what is not floating-point stays. */
function meanWith(mean: ReadonlyMap<string, Tensor>, one: ReadonlyMap<string, Tensor>, count: number) {
  const next = copyWeights(mean);
  noGrad(() =>
    scope(() => {
      for (const [name, value] of next) {
        const other = one.get(name);
        if (other !== undefined && isFloatingPoint(value.dtype)) value.add_(other.sub(value).div(count + 1));
      }
    }),
  );
  return next;
}

async function estimateNorms(module: LightningModule, data: ImageFolderDataModule): Promise<void> {
  // Frozen norms belong to the features.
  if (data.hasFeatures) return;
  const loader = data.imageLoader("train");
  try {
    await estimateBatchNorms(module, async () => {
      let images = 0;
      for await (const batch of loader.batches({ epoch: 0 })) {
        noGrad(() => scope(() => void module.call(asModelInput(module, batch.images))));
        images += batch.indices.length;
        batch[Symbol.dispose]();
        if (images >= normImages) break;
      }
    });
  } finally {
    await loader.close();
  }
}
