import { rmSync } from "node:fs";
import { join } from "node:path";
import { CtError, getLogger } from "@classifier-training/base";
import {
  asModelInput,
  Callback,
  type Checkpoint,
  CheckpointIO,
  disposeWeights,
  type LightningModule,
  nonFiniteWeight,
  type TrainerView,
  withWeights,
} from "@classifier-training/lightning";
import {
  type BestWeights,
  compareErrors,
  type DecisionRule,
  runPaths,
  type WeightsName,
  writeBestWeights,
} from "@classifier-training/runs";
import { noGrad, scope, type Tensor } from "@classifier-training/torch";
import type { ClassificationBatch } from "@classifier-training/vision";
import { z } from "zod";
import { classificationData } from "../data/classification-datamodule.ts";
import { ImageFolderDataModule } from "../data/image-folder-datamodule.ts";
import { predictSplit } from "../evaluation/predict-split.ts";
import { ClassificationModel } from "../model/classification-model.ts";
import { calibrationOf } from "../statistics/calibration.ts";
import { MultilabelPredictions } from "../statistics/multilabel-predictions.ts";
import { type BatchPredictions, predictionsOf, type SplitPredictions } from "../statistics/predictions.ts";
import { greedySoup, isBetter, type Measured } from "./soup.ts";
import { chooseTestSize } from "./test-resolution.ts";
import { type Candidate, weightCandidates } from "./weight-candidates.ts";

export const bestWeightsOptionsSchema = z.strictObject({
  outputDir: z.string().default("outputs"),
  soup: z.boolean().default(false).describe("also measure means of the weights of the kept checkpoints (greedy soup)"),
  testSizes: z
    .array(z.number().min(1))
    .default([])
    .describe(
      "input sizes to measure after training, as factors of the training's: a larger one must be better for sure",
    ),
  testSizeSeconds: z.number().positive().default(60).describe("what measuring these sizes may take"),
});

const log = getLogger("classifier.callbacks.best_weights");

/**
 * When training ends: measures the best checkpoint's raw weights, their moving average, and SWA's average, where there
 * are several, on validation, in float32 as the export has them; with `soup` also means of the kept checkpoints. The best
 * by top-1 or mAP (by loss, where that is equal) is what the ONNX export takes; `best_weights.json` says which it is, the accuracy
 * of each, and whether the differences are significant. With `testSizes` it then chooses the size of the exported model's input.
 */
export class BestWeightsCallback extends Callback {
  readonly options: z.infer<typeof bestWeightsOptionsSchema>;
  #choice: Promise<Candidate> | undefined;
  #chosen: Candidate | undefined;
  #predictions: SplitPredictions | undefined;
  #measured = 0;
  #inputSize: number | undefined;

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

  /** How many sets of weights and input sizes were measured: what is best of many looks better than it is. */
  get measured(): number {
    return this.#measured;
  }

  /** Width and height of the exported model's input, where it is not the training's. */
  get inputSize(): number | undefined {
    return this.#inputSize;
  }

  override onFitStart({ datamodule }: TrainerView): void {
    this.#forget();
    if (datamodule instanceof ImageFolderDataModule) datamodule.setEvaluationSize(datamodule.imageSize);
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
    this.#measured = 0;
    this.#inputSize = undefined;
  }

  async #choose(trainer: TrainerView, module: LightningModule): Promise<Candidate> {
    const { outputDir, soup, testSizes } = this.options;
    await trainer.flushCheckpoints();
    // Of an earlier training in the same directory.
    for (const file of [runPaths.bestWeights, runPaths.bestWeightsTensors])
      rmSync(join(outputDir, file), { force: true });
    const candidates = finiteOnes(weightCandidates(trainer, module), module);
    const data = classificationData(trainer.datamodule);
    const canMeasure = data instanceof ImageFolderDataModule && trainer.enableValidation;
    // The thresholds of a multilabel model are those of its exported weights, in float32.
    const isAsked = candidates.length > 1 || soup || testSizes.length > 0 || data?.task === "multilabel";
    if (candidates.length > 1 && !canMeasure)
      log.warning("no validation images: the weights of the best checkpoint are kept");
    this.#chosen = isAsked && canMeasure ? await this.#best(trainer, module, data, candidates) : candidates[0];
    for (const candidate of candidates) if (candidate !== this.#chosen) disposeWeights(candidate.weights);
    return this.#chosen as Candidate;
  }

  /** What the chosen weights decide by. */
  get decision(): DecisionRule {
    const measured = this.#predictions;
    if (measured === undefined) return this.#chosen?.decision ?? {};
    return measured instanceof MultilabelPredictions
      ? { thresholds: [...measured.thresholds] }
      : { calibration: calibrationOf(measured) };
  }

  async #best(
    trainer: TrainerView,
    module: LightningModule,
    data: ImageFolderDataModule,
    candidates: readonly Candidate[],
  ): Promise<Candidate> {
    const { outputDir, soup, testSizes, testSizeSeconds } = this.options;
    const limit = (trainer.numValBatches[0] ?? Infinity) * trainer.worldSize;
    const measure = async () => {
      const start = performance.now();
      const predictions = await predictSplit(data.valDataloader(), (batch) => predict(module, batch), limit);
      return { predictions, seconds: (performance.now() - start) / 1000 };
    };
    log.info(`measuring the ${candidates.map(({ name }) => name).join(" and ")} weights of the best checkpoint ...`);
    const measured: Measured[] = [];
    for (const candidate of candidates)
      measured.push({ candidate, ...(await withWeights(module, candidate.weights, measure)) });
    const finite = withFiniteLoss(measured);
    const made = soup ? await greedySoup(finite, trainer, module, data, measure) : undefined;
    const ranked = [...finite, ...(made?.soup === undefined ? [] : [made.soup])].sort((a, b) =>
      isBetter(a.predictions, b.predictions) ? -1 : 1,
    );
    const [best] = ranked as [Measured, ...Measured[]];
    const { candidate } = best;
    const sizes =
      // Features are those of images of the training's size.
      testSizes.length === 0 || data.hasFeatures
        ? undefined
        : await withWeights(module, candidate.weights, () =>
            chooseTestSize({ factors: testSizes, seconds: testSizeSeconds }, module, data, best, measure),
          );
    this.#predictions = sizes?.predictions ?? best.predictions;
    this.#measured = measured.length + (made?.tried ?? 0) + (sizes === undefined ? 0 : sizes.report.sizes.length - 1);
    if (this.#measured > 1) {
      describeRanks(ranked, this.#measured);
      const report = {
        best: candidate.name,
        split: "val",
        measured: this.#measured,
        candidates: rowsOf(ranked),
      } as const;
      writeBestWeights(outputDir, { ...report, ...(sizes !== undefined && { inputSize: sizes.report }) });
    }
    // A checkpoint's own weights are in the checkpoint, with the size of the training; others would be lost.
    if (sizes !== undefined && sizes.report.chosen !== sizes.report.trained) this.#inputSize = sizes.report.chosen;
    if (module instanceof ClassificationModel) module.decision = this.decision;
    if (candidate !== candidates[0] || this.#inputSize !== undefined) await this.#save(trainer, module, candidate);
    return candidate;
  }

  /** As a checkpoint of the run, in its directory: nothing resumes from there. */
  async #save(trainer: TrainerView, module: LightningModule, { name, source, weights }: Candidate): Promise<void> {
    const { currentEpoch: epoch, globalStep, runId, continuedRuns } = trainer;
    const checkpoint: Checkpoint = { epoch, globalStep, runId, stateDict: weights };
    // What it takes to build the network again, with the preprocessing of the size that was chosen.
    module.onSaveCheckpoint?.(checkpoint);
    const io = new CheckpointIO({ asynchronous: false });
    const created = new Date().toISOString();
    await io.save({
      path: join(this.options.outputDir, runPaths.bestWeightsTensors),
      checkpoint,
      summary: {
        created,
        epoch,
        globalStep,
        runId,
        continuedRuns,
        model: module.constructor.name,
        weightsOnly: true,
        metrics: {},
      },
      metadata: { weights: name, source },
      replaces: [],
    });
    await io.close();
  }
}

/** @throws CtError when no loss is finite */
function withFiniteLoss(measured: readonly Measured[]): Measured[] {
  const finite = measured.filter(({ candidate: { name }, predictions: { loss } }) => {
    if (Number.isFinite(loss)) return true;
    log.warning(`${name} weights: the loss on validation is ${loss}, they are left out`);
    return false;
  });
  if (finite.length === 0) throw nothingFinite();
  return finite;
}

function rowsOf(ranked: readonly Measured[]): BestWeights["candidates"] {
  const best = ranked[0] as Measured;
  return ranked.map(({ candidate: { name, source }, predictions: { top1, score, loss, errors } }) => ({
    name,
    source,
    correct: top1.successes,
    n: top1.n,
    top1: top1.value,
    interval95: [top1.low, top1.high],
    ...(score.name === "mAP" && { mAP: score.value }),
    loss,
    pairedTestAgainstBest: compareErrors(best.predictions.errors, errors),
  }));
}

function describeRanks(ranked: readonly Measured[], count: number): void {
  for (const {
    candidate,
    predictions: { score, loss },
  } of ranked)
    log.detail(`${candidate.name} weights: val ${score.describe()}, loss ${loss.toFixed(4)}`);
  const [best, ...others] = rowsOf(ranked);
  const unclear = others
    .filter(({ pairedTestAgainstBest: { distinguishable } }) => !distinguishable)
    .map(({ name, pairedTestAgainstBest: { pValue } }) => `the ${name} weights (p = ${pValue.toPrecision(2)})`);
  const caution =
    unclear.length === 0 ? "" : ` (no significant difference from ${unclear.join(" and ")}, n = ${best?.n})`;
  log.detail(`best weights: ${best?.name} of ${best?.source}${caution}`);
  log.detail(
    `the best of ${count} measurements on the same images looks better than it is; \`test\` was not looked at`,
  );
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

function predict(module: LightningModule, { images, labels, indices }: ClassificationBatch): BatchPredictions {
  return noGrad(() => scope(() => predictionsOf(module.call(asModelInput(module, images)) as Tensor, labels, indices)));
}
