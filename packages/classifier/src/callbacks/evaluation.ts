import { join } from "node:path";
import { type EvaluationSplit, getLogger } from "@classifier-training/base";
import { Callback, type LightningModule, type TrainerView } from "@classifier-training/lightning";
import { epochFolder, evaluationFolders } from "@classifier-training/runs";
import { keep, noGrad, scope, type Tensor } from "@classifier-training/torch";
import { imagenetMean, imagenetStd } from "@classifier-training/vision";
import { classificationData } from "../data/classification-datamodule.ts";
import { ImageFolderDataModule } from "../data/image-folder-datamodule.ts";
import type { Normalization } from "../data/preprocessing.ts";
import { BackgroundPlots } from "../drawing/background-plots.ts";
import type { Plot } from "../drawing/plots.ts";
import { ClassificationModel } from "../model/classification-model.ts";
import { splitPredictions } from "../statistics/multilabel-predictions.ts";
import type { BatchPredictions, SplitPredictions } from "../statistics/predictions.ts";

/** The predictions of a whole evaluation, in the order of the dataset. */
export type EpochPredictions = SplitPredictions;

const log = getLogger("classifier.callbacks");

/**
 * A callback that looks at all predictions of a validation or test epoch. The module's step has computed them: nothing
 * is run again.
 */
export abstract class EvaluationCallback extends Callback {
  #batches: BatchPredictions[] = [];
  readonly #plots = new BackgroundPlots();

  /** Makes an image of the evaluation while training continues; loggers get it under a name. */
  protected plot(trainer: TrainerView, plot: Plot, path: string, name: string): void {
    const { globalStep } = trainer;
    this.#plots.add(plot, path, (png) => {
      for (const logger of trainer.loggers) logger.logImage?.(name, [{ png }], globalStep);
    });
  }

  /** Called after each validation (not the sanity check) and test epoch; of several ranks, on the first. */
  protected abstract evaluated(
    trainer: TrainerView,
    module: LightningModule,
    predictions: EpochPredictions,
    split: EvaluationSplit,
  ): void | Promise<void>;

  /** Called with each batch of such an epoch (of several ranks, each with its own), for what must be taken from the batch itself. */
  protected sawBatch?(
    batch: unknown,
    predictions: BatchPredictions,
    trainer: TrainerView,
    split: EvaluationSplit,
  ): void;

  /** Images of a split as the network gets them, [1, 3, H, W] by index; the caller's own. For batches of features. */
  protected async imagesAt(trainer: TrainerView, split: EvaluationSplit, indices: readonly number[]) {
    const data = trainer.datamodule;
    const images = new Map<number, Tensor>();
    if (indices.length === 0 || !(data instanceof ImageFolderDataModule)) return images;
    const loader = data.orderedLoader(split, indices);
    try {
      for await (using batch of loader.batches({ epoch: 0 })) {
        for (const [i, index] of batch.indices.entries())
          images.set(
            index,
            noGrad(() => scope(() => keep(batch.images.narrow(0, i, 1).clone()))),
          );
      }
    } finally {
      await loader.close();
    }
    return images;
  }

  override get reportsOnly(): boolean {
    return true;
  }

  override onValidationEpochStart(): void {
    this.#batches = [];
  }

  override onValidationBatchEnd(
    trainer: TrainerView,
    _module: LightningModule,
    outputs: unknown,
    batch: unknown,
  ): void {
    if (!trainer.sanityChecking) this.#add(outputs, batch, trainer, "val");
  }

  override onValidationEpochEnd(trainer: TrainerView, module: LightningModule): void | Promise<void> {
    return this.#finish(trainer, module, "val");
  }

  override onTestEpochStart(): void {
    this.#batches = [];
  }

  override onFitEnd(_trainer: TrainerView, _module: LightningModule): void | Promise<void> {
    return this.#plots.settle();
  }

  override onException(): void | Promise<void> {
    return this.#plots.settle();
  }

  override onTestBatchEnd(trainer: TrainerView, _module: LightningModule, outputs: unknown, batch: unknown): void {
    this.#add(outputs, batch, trainer, "test");
  }

  override onTestEpochEnd(trainer: TrainerView, module: LightningModule): void | Promise<void> {
    return this.#finish(trainer, module, "test");
  }

  #add(outputs: unknown, batch: unknown, trainer: TrainerView, split: EvaluationSplit): void {
    const predictions = (outputs as { predictions?: BatchPredictions } | null | undefined)?.predictions;
    if (predictions === undefined) {
      log.warnOnce(
        `${this.constructor.name} does nothing: the module's validation step returns no \`predictions\` (see EvaluationOutput)`,
      );
      return;
    }
    this.#batches.push(predictions);
    this.sawBatch?.(batch, predictions, trainer, split);
  }

  async #finish(trainer: TrainerView, module: LightningModule, split: EvaluationSplit): Promise<void> {
    const ranks = await trainer.strategy.allGather(this.#batches);
    this.#batches = [];
    const batches = inTurn(ranks);
    if (batches.length === 0 || !trainer.isGlobalZero) return;
    // The module has said so; a report of it would show classes that were not predicted.
    if (batches.some(({ nonFinite }) => nonFinite > 0)) return;
    // In training a multilabel model is shown at the thresholds that this validation finds, others without a temperature.
    const own = module instanceof ClassificationModel && trainer.fn !== "fit" ? module.decision : {};
    // Those of the evaluation before: only one that takes longer than an epoch is waited for.
    await this.#plots.settle();
    await this.evaluated(trainer, module, splitPredictions(batches, own), split);
    if (trainer.fn !== "fit") await this.#plots.settle();
  }
}

/** The first batch of each rank, the second of each, and so on: the order in which they were sharded. */
function inTurn<T>(ranks: readonly (readonly T[])[]): T[] {
  const longest = Math.max(...ranks.map(({ length }) => length));
  return Array.from({ length: longest }, (_, i) => ranks.flatMap((batches) => batches.slice(i, i + 1))).flat();
}

/** What reports call a class: its name, where the data has one. */
export function classNamer(trainer: TrainerView): (index: number | undefined) => string {
  const names = classificationData(trainer.datamodule)?.classNames;
  return (index) => (index === undefined ? "?" : (names?.[index] ?? String(index)));
}

/** What a split's images are normalized with; of data from elsewhere, ImageNet's values are assumed. */
export function normalizationOf(trainer: TrainerView, split: EvaluationSplit): Normalization {
  return classificationData(trainer.datamodule)?.normalization(split) ?? { mean: imagenetMean, std: imagenetStd };
}

/** The folder of an evaluation's files: `epoch_003` for a validation in training, else `validate` or `test`. */
export function evaluationFolder(outputDir: string, trainer: TrainerView, split: EvaluationSplit): string {
  if (trainer.fn === "fit") return join(outputDir, epochFolder(trainer.currentEpoch));
  return join(outputDir, evaluationFolders[split]);
}
