import { join } from "node:path";
import { CtError, getLogger } from "@classifier-training/base";
import {
  asModelInput,
  Callback,
  disposeWeights,
  type LightningModule,
  nonFiniteWeight,
  type TrainerView,
  withWeights,
} from "@classifier-training/lightning";
import { runPaths, type WeightsName, writeBestWeights } from "@classifier-training/runs";
import { noGrad, scope, serialization, type Tensor } from "@classifier-training/torch";
import type { ClassificationBatch } from "@classifier-training/vision";
import { z } from "zod";
import { classificationData } from "../data/classification-datamodule.ts";
import { ImageFolderDataModule } from "../data/image-folder-datamodule.ts";
import { predictSplit } from "../evaluation/predict-split.ts";
import { describeInterval } from "../statistics/interval.ts";
import { mcnemarTest } from "../statistics/mcnemar.ts";
import { type BatchPredictions, predictionsOf, type SplitPredictions } from "../statistics/predictions.ts";
import { type Candidate, weightCandidates } from "./weight-candidates.ts";

export const bestWeightsOptionsSchema = z.strictObject({
  outputDir: z.string().default("outputs"),
});

const log = getLogger("classifier.callbacks.best_weights");

interface Measured {
  readonly candidate: Candidate;
  readonly predictions: SplitPredictions;
}

/**
 * When training ends: measures the best checkpoint's raw weights, their moving average, and SWA's average, where there
 * are several, on validation, in float32 as the export has them. The best by top-1 (by loss, where that is equal) is
 * what the ONNX export takes; `best_weights.json` says which it is, the accuracy of each, and whether the differences are significant.
 */
export class BestWeightsCallback extends Callback {
  readonly options: z.infer<typeof bestWeightsOptionsSchema>;
  #choice: Promise<Candidate> | undefined;
  #chosen: Candidate | undefined;
  #predictions: SplitPredictions | undefined;

  constructor(options: z.infer<typeof bestWeightsOptionsSchema>) {
    super();
    this.options = options;
  }

  /** Its files are those of the run. */
  override get rankZeroOnly(): boolean {
    return true;
  }

  /** After the checkpoint callbacks have settled which checkpoint is best. */
  override get order(): "last" {
    return "last";
  }

  /** Which weights were best; undefined until training has ended. */
  get chosen(): WeightsName | undefined {
    return this.#chosen?.name;
  }

  /** What the best weights said of validation, where several were measured. */
  get predictions(): SplitPredictions | undefined {
    return this.#predictions;
  }

  override onFitStart(): void {
    this.#forget();
  }

  override async onFitEnd(trainer: TrainerView, module: LightningModule): Promise<void> {
    await this.choose(trainer, module);
  }

  override teardown(): void {
    if (this.#chosen !== undefined) disposeWeights(this.#chosen.weights);
  }

  /** The best weights, measured on the first call of a training. They are the callback's: copy them to keep them. */
  choose(trainer: TrainerView, module: LightningModule): Promise<Candidate> {
    this.#choice ??= this.#choose(trainer, module);
    return this.#choice;
  }

  #forget(): void {
    this.#choice = undefined;
    this.#chosen = undefined;
    this.#predictions = undefined;
  }

  async #choose(trainer: TrainerView, module: LightningModule): Promise<Candidate> {
    await trainer.flushCheckpoints();
    const candidates = finiteOnes(weightCandidates(trainer, module), module);
    const data = classificationData(trainer.datamodule);
    const first = candidates[0] as Candidate;
    const canMeasure = data instanceof ImageFolderDataModule && trainer.enableValidation;
    if (candidates.length > 1 && !canMeasure)
      log.warning("no validation images: the weights of the best checkpoint are kept");
    const chosen =
      candidates.length > 1 && canMeasure ? this.#best(await measureAll(trainer, module, data, candidates)) : first;
    for (const candidate of candidates) if (candidate !== chosen) disposeWeights(candidate.weights);
    this.#chosen = chosen;
    return chosen;
  }

  #best(measured: readonly Measured[]): Candidate {
    const finite = measured.filter(({ predictions: { loss } }) => Number.isFinite(loss));
    for (const {
      candidate,
      predictions: { loss },
    } of measured)
      if (!Number.isFinite(loss))
        log.warning(`${candidate.name} weights: the loss on validation is ${loss}, they are left out`);
    if (finite.length === 0) throw nothingFinite();
    const ranked = finite
      .map(({ candidate, predictions: { top1, loss, correct } }) => ({ candidate, top1, loss, correct }))
      .sort((a, b) => b.top1.successes - a.top1.successes || a.loss - b.loss);
    const best = ranked[0] as (typeof ranked)[number];
    const rows = ranked.map(({ candidate: { name, source }, top1, loss, correct }) => ({
      name,
      source,
      correct: top1.successes,
      n: top1.n,
      top1: top1.value,
      interval95: [top1.low, top1.high] satisfies [number, number],
      loss,
      pairedTestAgainstBest: mcnemarTest(best.correct, correct),
    }));
    for (const { candidate, top1, loss } of ranked)
      log.detail(`${candidate.name} weights: val top-1 ${describeInterval(top1)}, loss ${loss.toFixed(4)}`);
    const unclear = rows.slice(1).filter(({ pairedTestAgainstBest }) => !pairedTestAgainstBest.distinguishable);
    const caution =
      unclear.length === 0
        ? ""
        : ` (no significant difference from ${unclear.map(({ name, pairedTestAgainstBest: { pValue } }) => `the ${name} weights (p = ${pValue.toPrecision(2)})`).join(" and ")}, n = ${best.top1.n})`;
    log.detail(`best weights: ${best.candidate.name}${caution}`);
    writeBestWeights(this.options.outputDir, { best: best.candidate.name, split: "val", candidates: rows });
    // A checkpoint's own weights are in the checkpoint; others would be lost.
    if (best.candidate !== measured[0]?.candidate)
      serialization.saveSafetensors(join(this.options.outputDir, runPaths.bestWeightsTensors), best.candidate.weights, {
        weights: best.candidate.name,
        source: best.candidate.source,
      });
    this.#predictions = measured.find(({ candidate }) => candidate === best.candidate)?.predictions;
    return best.candidate;
  }
}

/** Without those that hold NaN or infinity. @throws CtError when none is left */
function finiteOnes(candidates: readonly Candidate[], module: LightningModule): Candidate[] {
  const parameters = new Set([...module.namedParameters()].map(([name]) => name));
  const finite = candidates.filter(({ name, weights, source }) => {
    const broken = nonFiniteWeight(weights, (one) => parameters.has(one));
    if (broken === undefined) return true;
    log.warning(`the ${name} weights of ${source} are left out: '${broken}' is not finite`);
    disposeWeights(weights);
    return false;
  });
  if (finite.length === 0) throw nothingFinite();
  return finite;
}

function nothingFinite(): CtError {
  return new CtError({
    code: "classifier/diverged",
    what: "training has diverged: no weights of its end give finite losses, and nothing is exported",
    fix: "train anew with a lower model.learning_rate",
  });
}

async function measureAll(
  trainer: TrainerView,
  module: LightningModule,
  data: ImageFolderDataModule,
  candidates: readonly Candidate[],
): Promise<Measured[]> {
  log.info(`measuring the ${candidates.map(({ name }) => name).join(" and ")} weights of the best checkpoint ...`);
  const measured: Measured[] = [];
  for (const candidate of candidates) {
    const limit = (trainer.numValBatches[0] ?? Infinity) * trainer.worldSize;
    const predictions = await withWeights(module, candidate.weights, () =>
      predictSplit(data.valDataloader(), (batch) => predict(module, batch), limit),
    );
    measured.push({ candidate, predictions });
  }
  return measured;
}

function predict(module: LightningModule, { images, labels, indices }: ClassificationBatch): BatchPredictions {
  return noGrad(() => scope(() => predictionsOf(module.call(asModelInput(module, images)) as Tensor, labels, indices)));
}
