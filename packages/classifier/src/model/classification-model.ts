import { CtError } from "@classifier-training/base";
import { LightningModule, MulticlassAccuracy, type OptimizerSpec } from "@classifier-training/lightning";
import { nn, noGrad, ones, optim, type Tensor } from "@classifier-training/torch";
import type { ImageModel } from "@classifier-training/vision";
import type { ClassificationModelOptions } from "./options.ts";
import { type BatchPredictions, predictionsOf } from "./predictions.ts";

/** A batch as the data module delivers it. */
export interface ClassificationBatch {
  /** [N, 3, H, W], normalised, channels-last */
  readonly images: Tensor;
  /** [N], int64; or [N, K] probabilities after MixUp or CutMix */
  readonly labels: Tensor;
  readonly indices: readonly number[];
}

/** What a validation or test step returns: the logits are computed once, for metrics and callbacks alike. */
export interface EvaluationOutput {
  readonly loss: Tensor;
  readonly logits: Tensor;
  readonly predictions: BatchPredictions;
}

class SplitMetrics {
  readonly top1: MulticlassAccuracy;
  readonly top5: MulticlassAccuracy;
  readonly perClass: MulticlassAccuracy;

  constructor(numClasses: number) {
    this.top1 = new MulticlassAccuracy({ numClasses, average: "micro" });
    this.top5 = new MulticlassAccuracy({ numClasses, average: "micro", topK: Math.min(5, numClasses) });
    this.perClass = new MulticlassAccuracy({ numClasses, average: "none" });
  }

  update(logits: Tensor, labels: Tensor): void {
    for (const metric of [this.top1, this.top5, this.perClass]) metric.update(logits, labels);
  }

  reset(): void {
    for (const metric of [this.top1, this.top5, this.perClass]) metric.reset();
  }
}

/**
 * A classifier with the original's training recipe: weighted cross entropy or focal loss, AdamW, linear warm-up and
 * cosine decay per epoch, top-1, top-5 and per-class accuracy.
 */
export class ClassificationModel extends LightningModule<ClassificationBatch> {
  /** Weights of the classes in the loss, [K]; ones until set. A buffer: it moves with the model and is saved with it. */
  declare readonly class_weights: Tensor;
  /** The network's name in the model zoo. */
  readonly backbone: string;
  readonly numClasses: number;
  readonly options: ClassificationModelOptions;
  /** The network, `[N, 3, H, W]` to logits `[N, K]`. */
  readonly model: ImageModel;
  readonly #trainTop1: MulticlassAccuracy;
  readonly #validation: SplitMetrics;
  readonly #test: SplitMetrics;

  constructor(options: ClassificationModelOptions, backbone: string, build: (numClasses: number) => ImageModel) {
    super();
    this.backbone = backbone;
    if (options.numClasses === null) {
      throw new CtError({
        code: "classifier/num-classes",
        what: "the model was not told its number of classes",
        where: "model.num_classes",
        fix: "give model.num_classes, or build the model through the train command, which takes it from the data",
      });
    }
    this.options = options;
    this.numClasses = options.numClasses;
    this.saveHyperparameters({ ...options });
    this.registerBuffer("class_weights", ones([this.numClasses]));
    this.#trainTop1 = new MulticlassAccuracy({ numClasses: this.numClasses, average: "micro" });
    this.#validation = new SplitMetrics(this.numClasses);
    this.#test = new SplitMetrics(this.numClasses);
    this.model = build(this.numClasses);
  }

  setClassWeights(weights: Tensor): void {
    noGrad(() => {
      this.class_weights.copy_(weights);
    });
  }

  override fingerprint(): Record<string, unknown> {
    return { model: this.backbone, numClasses: this.numClasses, stem: this.options.stem };
  }

  override forward(images: Tensor): Tensor {
    return this.model.call(images);
  }

  /** @param logits [N, K] @param labels [N] int64, or [N, K] probabilities @returns a scalar */
  loss(logits: Tensor, labels: Tensor): Tensor {
    const { lossName, labelSmoothing, focalGamma } = this.options;
    const weight = this.class_weights;
    if (lossName === "focal")
      return nn.functional.focalLoss(logits, labels, { gamma: focalGamma, weight, labelSmoothing });
    return nn.functional.crossEntropy(logits, labels, { weight, labelSmoothing });
  }

  override trainingStep({ images, labels }: ClassificationBatch): Tensor {
    const logits = this.call(images);
    const loss = this.loss(logits, labels);
    this.log("train/loss", loss, { onStep: true, onEpoch: true, progBar: true });
    this.#trainTop1.update(logits, labels.ndim === 2 ? labels.argmax(1) : labels);
    return loss;
  }

  override onTrainEpochEnd(): void {
    this.log("train/acc_top1", this.#trainTop1.compute() as number);
    this.#trainTop1.reset();
  }

  override validationStep(batch: ClassificationBatch): EvaluationOutput {
    return this.#evaluate(batch, "val", this.#validation);
  }

  override onValidationEpochEnd(): void {
    this.#report("val", this.#validation);
  }

  override testStep(batch: ClassificationBatch): EvaluationOutput {
    return this.#evaluate(batch, "test", this.#test);
  }

  override onTestEpochEnd(): void {
    this.#report("test", this.#test);
  }

  #evaluate(
    { images, labels, indices }: ClassificationBatch,
    split: "val" | "test",
    metrics: SplitMetrics,
  ): EvaluationOutput {
    const logits = this.call(images);
    const loss = this.loss(logits, labels);
    this.log(`${split}/loss`, loss, { onStep: false, onEpoch: true, progBar: split === "val" });
    metrics.update(logits, labels);
    return { loss, logits, predictions: predictionsOf(logits, labels, indices) };
  }

  #report(split: "val" | "test", metrics: SplitMetrics): void {
    this.log(`${split}/acc_top1`, metrics.top1.compute() as number, { progBar: split === "val" });
    this.log(`${split}/acc_top5`, metrics.top5.compute() as number);
    for (const [i, accuracy] of (metrics.perClass.compute() as readonly number[]).entries())
      this.log(`${split}/acc_class_${i}`, accuracy);
    metrics.reset();
  }

  override configureOptimizers(): OptimizerSpec {
    const { learningRate, weightDecay, warmupEpochs, warmupStartFactor, cosineEtaMinFactor, noDecayOnNorms } =
      this.options;
    const parameters = noDecayOnNorms ? optim.noDecayGroups(this, weightDecay) : this.parameters();
    const optimizer = new optim.AdamW(parameters, { lr: learningRate, weightDecay });
    const limit = this.isAttached ? this.trainer.maxEpochs : 100;
    const maxEpochs = Number.isFinite(limit) && limit > 0 ? limit : 100;
    const { LinearLR, CosineAnnealingLR, SequentialLR } = optim.lrScheduler;
    const warmUp = new LinearLR(optimizer, {
      startFactor: warmupStartFactor,
      endFactor: 1,
      totalIters: Math.max(1, warmupEpochs),
    });
    const decay = new CosineAnnealingLR(optimizer, {
      tMax: Math.max(1, maxEpochs - warmupEpochs),
      etaMin: learningRate * cosineEtaMinFactor,
    });
    const scheduler = new SequentialLR(optimizer, [warmUp, decay], [warmupEpochs]);
    return { optimizer, lrScheduler: { scheduler, interval: "epoch" } };
  }
}
