import { join } from "node:path";
import { type EvaluationSplit, getLogger } from "@classifier-training/base";
import type { LightningModule, TrainerView } from "@classifier-training/lightning";
import { evaluationPaths } from "@classifier-training/runs";
import { cat, keep, noGrad, scope, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import { heatOverlay } from "../drawing/heat-overlay.ts";
import type { GridSample } from "../drawing/sample-grid.ts";
import { type ClassificationBatch, ClassificationModel } from "../model/classification-model.ts";
import { sigmoid } from "../statistics/multilabel.ts";
import type { BatchPredictions } from "../statistics/predictions.ts";
import { gradCam, lastFeatureStage } from "./class-activation.ts";
import {
  classNamer,
  type EpochPredictions,
  EvaluationCallback,
  evaluationFolder,
  normalizationOf,
} from "./evaluation.ts";
import { denormalized } from "./pixels.ts";

export const gradCAMOptionsSchema = z.strictObject({
  outputDir: z.string().default("outputs"),
  numSamples: z.int().min(1).max(16).default(16).describe("number of errors to show, most confident first"),
});

const log = getLogger("classifier.callbacks.grad_cam");

interface Mistake {
  /** [1, 3, H, W], the network's input; the callback's own. Undefined of batches with features in place of images. */
  readonly image: Tensor | undefined;
  /** In the dataset. */
  readonly index: number;
  /** The class to explain: the predicted one, or the multilabel class that is wrongly predicted or missing. */
  readonly explained: number;
  /** The true class; of a multilabel error whether the explained one is true. */
  readonly truth: number | boolean;
  readonly confidence: number;
}

/**
 * After each validation epoch: `epoch_NNN/grad_cam.png`, the most confident errors of the model, with the places
 * that made it choose the wrong class. Costs one forward pass of so many images.
 */
export class GradCAMCallback extends EvaluationCallback {
  readonly options: z.infer<typeof gradCAMOptionsSchema>;
  /** The errors so far, most confident first. */
  #worst: Mistake[] = [];

  constructor(options: z.infer<typeof gradCAMOptionsSchema>) {
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

  override onException(): void | Promise<void> {
    this.#forget();
    return super.onException();
  }

  protected override sawBatch(batch: unknown, predictions: BatchPredictions): void {
    const { images } = batch as ClassificationBatch;
    const { numSamples } = this.options;
    for (const i of predictions.labels.keys()) {
      const error = errorOf(predictions, i);
      const last = this.#worst.length < numSamples ? undefined : this.#worst.at(-1);
      if (error === undefined || error.confidence <= (last?.confidence ?? -1)) continue;
      const image = images.ndim === 4 ? noGrad(() => scope(() => keep(images.narrow(0, i, 1).clone()))) : undefined;
      this.#worst.push({ ...error, image, index: predictions.indices[i] ?? -1 });
      this.#worst.sort((a, b) => b.confidence - a.confidence);
      for (const dropped of this.#worst.splice(numSamples)) dropped.image?.dispose();
    }
  }

  protected override async evaluated(
    trainer: TrainerView,
    module: LightningModule,
    _predictions: EpochPredictions,
    split: EvaluationSplit,
  ): Promise<void> {
    if (this.#worst.length === 0) return;
    await this.#loadImages(trainer, split);
    if (this.#worst.length === 0) return;
    const samples = this.#explained(trainer, module, split);
    this.#forget();
    if (samples === undefined) return;
    const title = `Epoch ${trainer.currentEpoch + 1}: class activation of the most confident errors`;
    const path = join(evaluationFolder(this.options.outputDir, trainer, split), evaluationPaths.gradCam);
    this.plot(trainer, { kind: "sampleGrid", data: { samples, title } }, path, "grad_cam");
  }

  async #loadImages(trainer: TrainerView, split: EvaluationSplit): Promise<void> {
    if (this.#worst.every(({ image }) => image !== undefined)) return;
    const indices = this.#worst.map(({ index }) => index);
    const images = await this.imagesAt(trainer, split, indices);
    this.#worst = this.#worst.flatMap((mistake) => {
      const image = images.get(mistake.index);
      return image === undefined ? [] : [{ ...mistake, image }];
    });
  }

  #explained(trainer: TrainerView, module: LightningModule, split: EvaluationSplit): GridSample[] | undefined {
    const network = module instanceof ClassificationModel ? module.model : module;
    const wasTraining = network.training;
    network.eval();
    try {
      const weight = [...network.parameters()][0];
      const images = noGrad(() =>
        scope(() => {
          const joined = cat(this.#worst.map(({ image }) => image as Tensor));
          return keep(weight === undefined ? joined : joined.to({ dtype: weight.dtype, device: weight.device }));
        }),
      );
      const one = noGrad(() => images.narrow(0, 0, 1));
      const stage = lastFeatureStage(network, one);
      if (stage === undefined) log.warnOnce("no Grad-CAM: the network has no feature maps");
      const classes = this.#worst.map(({ explained }) => explained);
      const maps = stage === undefined ? [] : gradCam(network, stage, images, classes);
      const pixels = denormalized(images, normalizationOf(trainer, split));
      one.dispose();
      images.dispose();
      if (maps.length === 0) return undefined;
      const name = classNamer(trainer);
      return this.#worst.flatMap(({ explained, truth, confidence }, i) => {
        const [image, map] = [pixels[i], maps[i]];
        if (image === undefined || map === undefined) return [];
        return {
          ...heatOverlay({ ...image, map }),
          ...(typeof truth === "number"
            ? { trueLabel: name(truth), predictedLabel: name(explained) }
            : { trueLabel: has(name(explained), truth), predictedLabel: has(name(explained), !truth) }),
          confidence,
        };
      });
    } finally {
      network.train(wasTraining);
    }
  }

  #forget(): void {
    for (const { image } of this.#worst) image?.dispose();
    this.#worst = [];
  }
}

const has = (name: string, isTrue: boolean) => (isTrue ? name : `not ${name}`);

/** A sample's error; of a multilabel sample the most confident one, at thresholds of 0.5. */
function errorOf(
  { labels, predicted, confidence, targets, logits, numClasses }: BatchPredictions,
  i: number,
): Omit<Mistake, "image" | "index"> | undefined {
  if (targets === undefined) {
    const [label = -1, guess = -1] = [labels[i], predicted[i]];
    return label === guess ? undefined : { explained: guess, truth: label, confidence: confidence[i] ?? 0 };
  }
  let worst: Omit<Mistake, "image" | "index"> | undefined;
  for (let k = 0; k < numClasses; k++) {
    const isTrue = targets[i * numClasses + k] === 1;
    const p = sigmoid(logits[i * numClasses + k] as number);
    const wrongness = isTrue ? 1 - p : p;
    if (wrongness <= Math.max(0.5, worst?.confidence ?? 0)) continue;
    worst = { explained: k, truth: isTrue, confidence: wrongness };
  }
  return worst;
}
