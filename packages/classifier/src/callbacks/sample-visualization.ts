import { join } from "node:path";
import { type EvaluationSplit, Rng } from "@classifier-training/base";
import type { LightningModule, TrainerView } from "@classifier-training/lightning";
import { evaluationPaths } from "@classifier-training/runs";
import { z } from "zod";
import type { GridSample } from "../drawing/sample-grid.ts";
import type { ClassificationBatch } from "../model/classification-model.ts";
import { MultilabelPredictions } from "../statistics/multilabel-predictions.ts";
import type { BatchPredictions } from "../statistics/predictions.ts";
import {
  classNamer,
  type EpochPredictions,
  EvaluationCallback,
  evaluationFolder,
  normalizationOf,
} from "./evaluation.ts";
import { denormalized, type Pixels } from "./pixels.ts";

export const sampleVisualizationOptionsSchema = z.strictObject({
  outputDir: z.string().default("outputs"),
  numSamples: z.int().positive().max(256).default(16),
});

interface Sample {
  /** Undefined of batches with features in place of images. */
  readonly pixels: Pixels | undefined;
  /** The samples with the lowest ranks are shown: the same ones each epoch, from anywhere in the split. */
  readonly rank: number;
  /** The sample's place in the evaluation. */
  readonly position: number;
  /** Its place in the dataset. */
  readonly index: number;
  readonly label: number | undefined;
  readonly predicted: number | undefined;
  readonly confidence: number;
}

/** After each validation epoch: `epoch_NNN/sample_predictions.png`, samples from everywhere in the split with what the model said of them. */
export class SampleVisualizationCallback extends EvaluationCallback {
  readonly options: z.infer<typeof sampleVisualizationOptionsSchema>;
  #samples: Sample[] = [];
  #seen = 0;

  constructor(options: z.infer<typeof sampleVisualizationOptionsSchema>) {
    super();
    this.options = options;
  }

  override onValidationEpochStart(): void {
    super.onValidationEpochStart();
    this.#forget();
  }

  override onTestEpochStart(): void {
    super.onTestEpochStart();
    this.#forget();
  }

  protected override sawBatch(
    batch: unknown,
    predictions: BatchPredictions,
    trainer: TrainerView,
    split: EvaluationSplit,
  ): void {
    const normalization = normalizationOf(trainer, split);
    const { images } = batch as ClassificationBatch;
    const { labels, predicted, confidence, indices } = predictions;
    for (let i = 0; i < labels.length; i++) {
      const position = this.#seen++;
      const rank = Rng.at(0, position, "sample_visualization").uniform();
      const last = this.#samples.length < this.options.numSamples ? undefined : this.#samples.at(-1);
      if (last !== undefined && rank >= last.rank) continue;
      const index = indices[i] ?? -1;
      const said = { index, label: labels[i], predicted: predicted[i], confidence: confidence[i] ?? 0 };
      const [pixels] = images.ndim === 4 ? denormalized(images.narrow(0, i, 1), normalization) : [];
      this.#samples.push({ ...said, pixels, rank, position });
      this.#samples.sort((one, other) => one.rank - other.rank);
      this.#samples.splice(this.options.numSamples);
    }
  }

  async #withPixels(samples: readonly Sample[], trainer: TrainerView, split: EvaluationSplit) {
    const bare = samples.filter(({ pixels }) => pixels === undefined);
    const images = await this.imagesAt(
      trainer,
      split,
      bare.map(({ index }) => index),
    );
    const loaded = new Map(
      [...images].map(([index, image]) => [index, denormalized(image, normalizationOf(trainer, split))[0]] as const),
    );
    for (const image of images.values()) image.dispose();
    return samples.flatMap((sample) => {
      const pixels = sample.pixels ?? loaded.get(sample.index);
      return pixels === undefined ? [] : [{ ...sample, ...pixels }];
    });
  }

  #forget(): void {
    [this.#samples, this.#seen] = [[], 0];
  }

  protected override async evaluated(
    trainer: TrainerView,
    _module: LightningModule,
    predictions: EpochPredictions,
    split: EvaluationSplit,
  ): Promise<void> {
    const chosen = [...this.#samples].sort((one, other) => one.position - other.position);
    this.#forget();
    const shown = await this.#withPixels(chosen, trainer, split);
    const name = classNamer(trainer);
    const samples: GridSample[] = shown.map(({ label, predicted, ...sample }) => {
      if (!(predictions instanceof MultilabelPredictions))
        return { ...sample, trueLabel: name(label), predictedLabel: name(predicted) };
      const at = predictions.indices.indexOf(sample.index);
      const names = (labels: readonly number[]) => labels.map(name).join(", ") || "none";
      const [trueLabel, predictedLabel] = [names(predictions.trueLabels(at)), names(predictions.predictedLabels(at))];
      return { ...sample, trueLabel, predictedLabel, confidence: predictions.setConfidence(at) };
    });
    const title = `Epoch ${trainer.currentEpoch + 1}: predicted label and confidence`;
    const path = join(evaluationFolder(this.options.outputDir, trainer, split), evaluationPaths.samplePredictions);
    this.plot(trainer, { kind: "sampleGrid", data: { samples, title } }, path, "sample_predictions");
  }
}
