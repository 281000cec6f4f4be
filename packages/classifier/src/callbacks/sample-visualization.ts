import { join } from "node:path";
import { writeFileAtomic } from "@classifier-training/base";
import type { LightningModule, TrainerView } from "@classifier-training/lightning";
import { z } from "zod";
import { classificationData } from "../data/classification-datamodule.ts";
import { drawSampleGrid, type GridSample } from "../drawing/sample-grid.ts";
import type { ClassificationBatch } from "../model/classification-model.ts";
import type { BatchPredictions } from "../model/predictions.ts";
import { type EpochPredictions, EvaluationCallback, evaluationFolder } from "./evaluation.ts";
import { denormalised } from "./pixels.ts";

export const sampleVisualizationOptions = z.strictObject({
  outputDir: z.string().default("outputs"),
  numSamples: z.int().positive().default(16),
});

interface Picture {
  readonly pixels: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** After each validation epoch: `epoch_NNN/sample_predictions.png`, the first samples with what the model said of them. */
export class SampleVisualizationCallback extends EvaluationCallback {
  readonly options: z.infer<typeof sampleVisualizationOptions>;
  #pictures: Picture[] = [];

  constructor(options: z.infer<typeof sampleVisualizationOptions>) {
    super();
    this.options = options;
  }

  protected override sawBatch(batch: unknown, predictions: BatchPredictions): void {
    const wanted = Math.min(this.options.numSamples - this.#pictures.length, predictions.labels.length);
    if (wanted > 0) this.#pictures.push(...denormalised((batch as ClassificationBatch).images.narrow(0, 0, wanted)));
  }

  protected override evaluated(
    trainer: TrainerView,
    _module: LightningModule,
    predictions: EpochPredictions,
    split: "val" | "test",
  ): void {
    const pictures = this.#pictures;
    this.#pictures = [];
    const names = classificationData(trainer.datamodule)?.classNames;
    const name = (index: number | undefined) => (index === undefined ? "?" : (names?.[index] ?? String(index)));
    const samples: GridSample[] = pictures.map((picture, i) => ({
      ...picture,
      trueLabel: name(predictions.labels[i]),
      predictedLabel: name(predictions.predicted[i]),
      confidence: predictions.confidence[i] ?? 0,
    }));
    const png = drawSampleGrid(samples, `Epoch ${trainer.currentEpoch}: predicted label and confidence`);
    writeFileAtomic(join(evaluationFolder(this.options.outputDir, trainer, split), "sample_predictions.png"), png);
    for (const logger of trainer.loggers) logger.logImage?.("sample_predictions", [{ png }], trainer.globalStep);
  }
}
