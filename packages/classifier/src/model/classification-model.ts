import { CtError, type EvaluationSplit, getLogger } from "@classifier-training/base";
import {
  type Backbone,
  type Checkpoint,
  LightningModule,
  type OptimizerSpec,
  SumMetric,
} from "@classifier-training/lightning";
import { type DecisionRule, decisionOf, type LabelsMapping } from "@classifier-training/runs";
import { fromTypedArray, nn, noGrad, ones, scope, type Tensor, zeros } from "@classifier-training/torch";
import { listModels } from "@classifier-training/vision";
import { classificationData } from "../data/classification-datamodule.ts";
import { ImageFolderDataModule } from "../data/image-folder-datamodule.ts";
import { withDecision } from "../data/preprocessing.ts";
import { calibrationOf } from "../statistics/calibration.ts";
import { type BatchPredictions, predictionsOf, SplitPredictions } from "../statistics/predictions.ts";
import { FileNetwork } from "./file/file-network.ts";
import { type NetworkRecord, recordOf } from "./file/skeleton.ts";
import { FrozenStages, freezeAllBut } from "./freezing.ts";
import { logitsOfFeatures, useFrozenFeatures } from "./frozen-features.ts";
import {
  type Criterion,
  checkLossOptions,
  classificationLoss,
  criterionOf,
  customLoss,
  logPriors,
  takesClassWeights,
} from "./losses.ts";
import { configureOptimizers } from "./optimizers.ts";
import { type ClassificationModelOptions, recipeOptions, writtenOptions } from "./options.ts";
import { type SplitMetrics, type TaskMetrics, taskMetrics, thresholdsOf } from "./split-metrics.ts";

const log = getLogger("classifier.model");

/** A batch as the data module delivers it. */
export interface ClassificationBatch {
  /** [N, 3, H, W], normalized, channels-last; with `freeze: features` what the head gets of them, [N, F] */
  readonly images: Tensor;
  /** [N], int64; or [N, K]: probabilities after MixUp or CutMix, the classes of multilabel samples */
  readonly labels: Tensor;
  readonly indices: readonly number[];
}

/** How images have to be prepared. */
export interface PreparedImages {
  /** Pixels; undefined where any size is taken. */
  readonly height?: number | undefined;
  readonly width?: number | undefined;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Who says so; undefined for a guess. */
  readonly from: string | undefined;
}

/** What a validation or test step returns: the logits are computed once, for metrics and callbacks alike. */
export interface EvaluationOutput {
  readonly loss: Tensor;
  readonly logits: Tensor;
  readonly predictions: BatchPredictions;
}

/**
 * A classifier with the original's training recipe: weighted cross entropy or focal loss, AdamW, linear warm-up and
 * cosine decay per epoch, top-1, top-5 and per-class accuracy. Of multilabel data: binary cross entropy, mAP, F1.
 */
export class ClassificationModel extends LightningModule<ClassificationBatch> {
  /** Weights of the classes (multilabel: of their positive samples) in the loss, [K]; ones until set. A buffer: it moves with the model and is saved with it. */
  declare readonly class_weights: Tensor;
  /** With `logitAdjustment`: logarithms of the classes' fractions of the training samples, [K]; zeros until set. */
  declare readonly class_log_prior: Tensor | undefined;
  /** The network's name, in the model zoo, or of a custom network. */
  readonly network: string;
  readonly numClasses: number;
  readonly options: ClassificationModelOptions;
  /** The network, `[N, 3, H, W]` to logits `[N, K]`. */
  readonly model: nn.Module;
  /** The module of `model.loss`: what it has of parameters and buffers moves with the model, and is saved with it. */
  declare readonly criterion: nn.Module<[Tensor, Tensor]> | undefined;
  /** What `freeze` and `unfreeze` say of the network's stages. */
  readonly frozen: FrozenStages | undefined;
  readonly #criterion: Criterion | undefined;
  /** A plain record, so that a checkpoint in mid-epoch finds the metrics' states. */
  readonly metrics: {
    readonly train: SplitMetrics["parts"];
    readonly val: SplitMetrics["parts"];
    readonly test: SplitMetrics["parts"];
    /** Samples, over all ranks as the others are. */
    readonly seen: { readonly val: SumMetric; readonly test: SumMetric };
    /** Samples whose logits were NaN or infinite. */
    readonly nonFinite: { readonly val: SumMetric; readonly test: SumMetric };
  };

  /** How many samples the last evaluation of each split had. */
  readonly evaluatedSamples = { val: 0, test: 0 };

  /** SHA-256 of the file that training started from, where its path was given. */
  initialWeights: string | undefined;

  /** How images have to be normalized for the weights of a model file. */
  preprocessing: PreparedImages | undefined;

  /** Whether batch norms were inserted into the network of a model file, which are to have the statistics of the data. */
  hasUnfoldedNorms = false;

  /** The checkpoint that the network is from, where the model file is gone: its weights are trained. */
  storedIn: string | undefined;

  /** How its logits become an answer, as the last validation found it best. */
  decision: DecisionRule = {};

  /** How its task is measured. */
  readonly measures: TaskMetrics;
  readonly #splits: Readonly<Record<EvaluationSplit, SplitMetrics>>;
  readonly #given = new Map<Tensor, Float32Array>();
  /** Of the running validation. */
  #validated: BatchPredictions[] = [];
  #file: NetworkRecord | undefined;

  constructor(options: ClassificationModelOptions, network: string, build: (numClasses: number) => nn.Module) {
    super();
    this.network = network;
    this.options = options;
    this.numClasses = requireNumClasses(options);
    this.saveHyperparameters(writtenOptions(options));
    checkLossOptions(options);
    this.registerBuffer("class_weights", ones([this.numClasses]));
    // Only then: checkpoints of other models have no such tensor.
    if (options.logitAdjustment > 0) this.registerBuffer("class_log_prior", zeros([this.numClasses]));
    this.measures = taskMetrics(options, this.numClasses);
    this.#splits = { val: this.measures.create(), test: this.measures.create() };
    const { key, create } = this.measures.train;
    this.metrics = {
      train: { [key]: create() },
      val: this.#splits.val.parts,
      test: this.#splits.test.parts,
      seen: { val: new SumMetric(), test: new SumMetric() },
      nonFinite: { val: new SumMetric(), test: new SumMetric() },
    };
    this.model = build(this.numClasses);
    this.frozen = FrozenStages.of(this.model, options, network);
    if (options.freeze === "features") freezeAllBut(this.head, this.model);
    this.#criterion = criterionOf(options);
    if (this.#criterion instanceof nn.Module) {
      this.addModule("criterion", this.#criterion);
      const ofPositives = options.task === "multilabel" && this.#criterion instanceof nn.BCEWithLogitsLoss;
      if (ofPositives) this.#criterion.pos_weight ??= this.class_weights;
      else if (takesClassWeights(this.#criterion)) this.#criterion.weight ??= this.class_weights;
    }
  }

  setClassWeights(weights: Tensor): void {
    const values = weights.toTypedArray() as Float32Array;
    this.#give(this.class_weights, values);
    if (this.#criterion !== undefined && !takesClassWeights(this.#criterion) && values.some((value) => value !== 1)) {
      const { name } = this.#criterion instanceof nn.Module ? this.#criterion.constructor : this.#criterion;
      log.warning(`model.loss: ${name} takes no class weights; data.class_weights=none leaves them out`);
    }
  }

  /** @param counts samples of each class in training, which `logitAdjustment` goes by */
  setClassCounts(counts: ArrayLike<number>): void {
    if (this.class_log_prior !== undefined) this.#give(this.class_log_prior, logPriors(counts));
  }

  #give(buffer: Tensor, values: Float32Array): void {
    this.#given.set(buffer, values);
    noGrad(() => scope(() => void buffer.copy_(fromTypedArray(values, [values.length]))));
  }

  /** A checkpoint has factors of the classes, too: a training goes by those of its own data and configuration. */
  override async onFitStart(): Promise<void> {
    for (const [buffer, values] of this.#given) this.#give(buffer, values);
    if (this.options.freeze === "features") await useFrozenFeatures(this, imageFolders(this.trainer.datamodule));
  }

  /** The checkpoint can then be used without the configuration that made it. */
  override onSaveCheckpoint(checkpoint: Checkpoint): void {
    const known = classificationData(this.trainer.datamodule)?.labelsMapping();
    const labels = known && withDecision(known, this.decision);
    // A network of custom code needs that code: such a checkpoint is used through its ONNX export.
    this.#file ??= this.model instanceof FileNetwork ? recordOf(this.model) : undefined;
    const file = this.#file && { file: this.#file };
    if (labels !== undefined && (file !== undefined || listModels().includes(this.network)))
      checkpoint["classifier"] = { backbone: this.network, options: recipeOptions(this.options), labels, ...file };
  }

  override onLoadCheckpoint(checkpoint: Checkpoint): void {
    this.decision = checkpointDecision(checkpoint);
  }

  override runSignature(): Record<string, unknown> {
    const { stem, width, task } = this.options;
    const weights = this.initialWeights?.slice(0, 16);
    return {
      model: this.network,
      numClasses: this.numClasses,
      stem,
      ...(width !== 64 && { width }),
      ...(weights !== undefined && { weights }),
      ...(task !== "multiclass" && { task }),
    };
  }

  /** @param images [N, 3, H, W]; with `freeze: features` also the head's input, [N, F] @returns logits [N, K] */
  override forward(images: Tensor): Tensor {
    return this.options.freeze === "features" && images.ndim === 2
      ? logitsOfFeatures(this.head, images)
      : this.model.call(images);
  }

  /**
   * Only in training are logits adjusted by the classes' frequencies.
   * @param logits [N, K] @param labels [N] int64, or [N, K] probabilities @returns a scalar
   */
  loss(logits: Tensor, labels: Tensor): Tensor {
    const logPrior = this.training ? this.class_log_prior : undefined;
    const factors = { weight: this.class_weights, logPrior };
    if (this.#criterion !== undefined) return customLoss(this.#criterion, logits, labels, factors, this.options);
    return classificationLoss(logits, labels, this.options, factors);
  }

  override metricNames(): { train: string[]; validation: string[] } {
    const { train, names } = this.measures;
    return {
      train: ["train/loss", "train/loss_step", "train/loss_epoch", `train/${train.name}`],
      validation: ["val/loss", ...names.map((name) => `val/${name}`)],
    };
  }

  /** Where a resumed run begins within an epoch, too. */
  override onTrainStart(): void {
    this.frozen?.apply(this.trainer.currentEpoch);
  }

  override onTrainEpochStart(): void {
    this.frozen?.apply(this.trainer.currentEpoch);
  }

  override trainingStep({ images, labels }: ClassificationBatch): Tensor {
    const logits = this.call(images);
    const loss = this.loss(logits, labels);
    this.log("train/loss", loss, { onStep: true, onEpoch: true, progBar: true });
    const hard = this.options.task === "multiclass" && labels.ndim === 2 ? labels.argmax(1) : labels;
    this.#train.update(logits, hard);
    return loss;
  }

  override onTrainEpochEnd(): void {
    this.log(`train/${this.measures.train.name}`, this.#train.compute() as number);
    this.#train.reset();
  }

  get #train() {
    return this.metrics.train[this.measures.train.key] as SplitMetrics["parts"][string];
  }

  override validationStep(batch: ClassificationBatch): EvaluationOutput {
    return this.#evaluate(batch, "val");
  }

  override onValidationEpochStart(): void {
    this.#validated = [];
  }

  override async onValidationEpochEnd(): Promise<void> {
    const { strategy, fn, sanityChecking } = this.trainer;
    const batches = this.#validated;
    this.#validated = [];
    this.#report("val");
    if (this.options.task !== "multiclass" || fn !== "fit" || sanityChecking) return;
    const predictions = new SplitPredictions((await strategy.allGather(batches)).flat());
    if (predictions.nonFinite === 0) this.decision = { calibration: calibrationOf(predictions) };
  }

  override testStep(batch: ClassificationBatch): EvaluationOutput {
    return this.#evaluate(batch, "test");
  }

  override onTestEpochEnd(): void {
    this.#report("test");
  }

  #evaluate({ images, labels, indices }: ClassificationBatch, split: EvaluationSplit): EvaluationOutput {
    const logits = this.call(images);
    const loss = this.loss(logits, labels);
    this.log(`${split}/loss`, loss, { onStep: false, onEpoch: true, progBar: split === "val" });
    for (const metric of Object.values(this.metrics[split])) metric.update(logits, labels);
    this.metrics.seen[split].update(indices.length);
    const predictions = predictionsOf(logits, labels, indices);
    this.metrics.nonFinite[split].update(predictions.nonFinite);
    if (split === "val") this.#validated.push(predictions);
    return { loss, logits, predictions };
  }

  #report(split: EvaluationSplit): void {
    const { seen, nonFinite } = this.metrics;
    const samples = seen[split].compute();
    const { sanityChecking, fn } = this.trainer;
    // The sanity check does not count.
    if (!sanityChecking) this.evaluatedSamples[split] = samples;
    const broken = nonFinite[split].compute();
    // An argmax over NaN is some class: an accuracy of it would measure nothing.
    const measured = (value: number) => (broken > 0 ? Number.NaN : value);
    if (broken > 0) {
      log.warning(`the logits of ${broken} of ${samples} ${split} samples are not finite: this epoch has no accuracy`);
    } else if (split === "val" && fn === "fit" && !sanityChecking && this.options.task === "multilabel") {
      this.decision = { thresholds: thresholdsOf(this.#splits.val) };
    }
    for (const [name, value] of this.#splits[split].values()) {
      this.log(`${split}/${name}`, measured(value), { progBar: split === "val" && name === this.measures.main });
    }
    for (const metric of [...Object.values(this.metrics[split]), seen[split], nonFinite[split]]) metric.reset();
  }

  /** The layer that gives the logits. */
  get head(): nn.AnyModule {
    return headOf(this.model);
  }

  /** What is trained later where `BackboneFinetuning` is used: all of the network but its head, and what is frozen. */
  get backbone(): Backbone {
    const others = new Set<Tensor>([...headOf(this.model).parameters(), ...(this.frozen?.permanent ?? [])]);
    return {
      parameters: () => [...this.model.parameters()].filter((parameter) => !others.has(parameter)),
      modules: () => this.model.modules(),
    };
  }

  override configureOptimizers(): Promise<OptimizerSpec> {
    return configureOptimizers(this, this.isAttached ? this.trainer : undefined);
  }
}

/** What a checkpoint's own weights decide by. */
export function checkpointDecision(checkpoint: Checkpoint): DecisionRule {
  const { labels } = (checkpoint["classifier"] ?? {}) as { readonly labels?: Partial<LabelsMapping> };
  return decisionOf(labels ?? {});
}

function imageFolders(data: object | undefined): ImageFolderDataModule {
  if (data instanceof ImageFolderDataModule) return data;
  throw new CtError({
    code: "classifier/features",
    what: `model.freeze=features: expected the data module ImageFolderDataModule, received ${data?.constructor.name ?? "none"}`,
    where: "model.freeze",
    fix: "use model.freeze=all, which trains the head on images",
  });
}

/** @throws CtError when `numClasses` is not set */
export function requireNumClasses({ numClasses }: ClassificationModelOptions): number {
  if (numClasses !== null) return numClasses;
  throw new CtError({
    code: "classifier/num-classes",
    what: "`model.num_classes` is not set",
    where: "model.num_classes",
    fix: "give model.num_classes, or build the model through the train command, which takes it from the data",
  });
}

/** The layer that gives the logits: where the network does not say, its last child with parameters. */
function headOf(network: nn.AnyModule): nn.AnyModule {
  const { headPath } = network as { headPath?: string };
  const layers = [...network.children()].filter((layer) => [...layer.parameters()].length > 0);
  return [...network.namedModules()].find(([path]) => path === headPath)?.[1] ?? layers.at(-1) ?? network;
}
