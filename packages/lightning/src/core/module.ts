import { nn, type optim, type Tensor } from "@classifier-training/torch";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { LoaderSource } from "../data/batch-loader.ts";
import type { Logger } from "../loggers/logger.ts";
import type { LoggableMetric, ReduceFx } from "../metrics/logged-values.ts";
import type { Awaitable } from "../utilities/awaitable.ts";
import { LightningError } from "../utilities/errors.ts";
import type { LightningOptimizer } from "./lightning-optimizer.ts";
import type { LrScheduler, OptimizerSpec } from "./optimizers.ts";
import type { AttachedCallback, TrainerFn, TrainerView } from "./trainer-view.ts";

export type LoggedValue = number | Tensor | LoggableMetric;

export interface LogOptions {
  /** Show it in the progress bar. */
  readonly progBar?: boolean;
  /** Send it to the loggers (default true). */
  readonly logger?: boolean;
  /** Keep the value of each step; by default in training steps. */
  readonly onStep?: boolean;
  /** Reduce it over the epoch; by default everywhere else. With both, the name forks into `_step` and `_epoch`. */
  readonly onEpoch?: boolean;
  readonly reduceFx?: ReduceFx;
  /** Average over the processes of a distributed run. */
  readonly syncDist?: boolean;
  /** The weight of this value in an epoch's mean; by default the batch's first dimension. */
  readonly batchSize?: number;
  /** With several loaders, append `/dataloader_idx_N` to the name (default true). */
  readonly addDataloaderIdx?: boolean;
}

/** What the trainer lends to its module while it runs. */
export interface ModuleLink {
  readonly trainer: TrainerView;
  log(name: string, value: LoggedValue, options: LogOptions): void;
  backward(loss: Tensor): void;
  clipGradients(optimizer: optim.Optimizer, value: number | null, algorithm: "norm" | "value"): void;
  wrapOptimizer(optimizer: optim.Optimizer): LightningOptimizer;
}

/** What hooks get of a step: what it returned, as an object. */
export type StepOutputs = { readonly loss?: Tensor } & Readonly<Record<string, unknown>>;

export type TrainingStepOutput = Tensor | (Record<string, unknown> & { loss?: Tensor }) | null | undefined;

/** A model together with how it is trained. Subclasses override what they need; hooks may be asynchronous. */
export abstract class LightningModule<Batch = unknown> extends nn.Module {
  /** With false, `trainingStep` calls `manualBackward` and steps the optimizers itself. */
  automaticOptimization = true;
  /** Whether a checkpoint must hold every key of the module. */
  strictLoading = true;
  #link: ModuleLink | undefined;
  #hparams: Record<string, unknown> = {};
  #modesBeforeEval: Map<nn.AnyModule, boolean> | undefined;

  /**
   * The names of all metrics that it logs, where it can say: a callback that monitors another one is then refused before
   * the first step. Without it, only what the sanity check logs is known.
   */
  metricNames?(): { readonly train: readonly string[]; readonly validation: readonly string[] };

  // --- The trainer's side ---

  /** Called by the trainer when one of its functions starts (and with undefined when it ended). */
  attach(link: ModuleLink | undefined): void {
    this.#link = link;
  }

  /** @throws LightningError outside of a trainer's functions. */
  get trainer(): TrainerView {
    return this.#attached("trainer").trainer;
  }

  get isAttached(): boolean {
    return this.#link !== undefined;
  }

  #attached(what: string): ModuleLink {
    if (this.#link !== undefined) return this.#link;
    throw new LightningError({
      code: "lightning/not-attached",
      what: `${this.constructor.name} is not attached to a Trainer: \`${what}\` works while one runs`,
    });
  }

  get currentEpoch(): number {
    return this.#link?.trainer.currentEpoch ?? 0;
  }

  get globalStep(): number {
    return this.#link?.trainer.globalStep ?? 0;
  }

  get logger(): Logger | undefined {
    return this.#link?.trainer.logger;
  }

  get loggers(): readonly Logger[] {
    return this.#link?.trainer.loggers ?? [];
  }

  get device(): string {
    return this.#link?.trainer.strategy.rootDevice ?? "cpu";
  }

  // --- Logging ---

  /**
   * Logs a number, a tensor of one element, or a metric object.
   * @throws MisconfigurationError where the hook in progress cannot log, or logs the name differently than before.
   */
  log(name: string, value: LoggedValue, options: LogOptions = {}): void {
    this.#link?.log(name, value, options);
  }

  logDict(values: Readonly<Record<string, LoggedValue>>, options: LogOptions = {}): void {
    for (const [name, value] of Object.entries(values)) this.log(name, value, options);
  }

  // --- Hyperparameters ---

  get hparams(): Readonly<Record<string, unknown>> {
    return this.#hparams;
  }

  /** Keeps what the module was built from: it goes to the loggers and into checkpoints. */
  saveHyperparameters(hparams: Readonly<Record<string, unknown>>): void {
    this.#hparams = { ...this.#hparams, ...hparams };
  }

  // --- To override: steps and optimizers ---

  trainingStep?(batch: Batch, batchIdx: number): Awaitable<TrainingStepOutput>;
  validationStep?(batch: Batch, batchIdx: number, dataloaderIdx?: number): unknown;
  testStep?(batch: Batch, batchIdx: number, dataloaderIdx?: number): unknown;
  predictStep?(batch: Batch, batchIdx: number, dataloaderIdx?: number): unknown;
  configureOptimizers?(): Awaitable<OptimizerSpec>;
  configureCallbacks?(): Awaitable<AttachedCallback | readonly AttachedCallback[]>;
  configureModel?(): Awaitable<void>;

  /** What a checkpoint must agree on to be continued with this model: architecture, classes. */
  runSignature?(): Record<string, unknown>;

  // --- To override: data ---

  prepareData?(): Awaitable<void>;
  setup?(stage: TrainerFn): Awaitable<void>;
  teardown?(stage: TrainerFn): Awaitable<void>;
  trainDataloader?(): Awaitable<LoaderSource>;
  valDataloader?(): Awaitable<LoaderSource>;
  testDataloader?(): Awaitable<LoaderSource>;
  predictDataloader?(): Awaitable<LoaderSource>;
  onBeforeBatchTransfer?(batch: Batch, dataloaderIdx: number): unknown;
  transferBatchToDevice?(batch: Batch, device: string, dataloaderIdx: number): unknown;
  onAfterBatchTransfer?(batch: Batch, dataloaderIdx: number): unknown;

  // --- To override: hooks, in the order in which they run ---

  onFitStart?(): Awaitable<void>;
  onFitEnd?(): Awaitable<void>;
  onTrainStart?(): Awaitable<void>;
  onTrainEnd?(): Awaitable<void>;
  onTrainEpochStart?(): Awaitable<void>;
  onTrainEpochEnd?(): Awaitable<void>;
  /** Returning -1 skips the rest of the epoch. */
  onTrainBatchStart?(batch: Batch, batchIdx: number): unknown;
  onTrainBatchEnd?(outputs: StepOutputs, batch: Batch, batchIdx: number): Awaitable<void>;
  onBeforeZeroGrad?(optimizer: optim.Optimizer): Awaitable<void>;
  onBeforeBackward?(loss: Tensor): Awaitable<void>;
  onAfterBackward?(): Awaitable<void>;
  onBeforeOptimizerStep?(optimizer: optim.Optimizer): Awaitable<void>;
  onValidationStart?(): Awaitable<void>;
  onValidationEnd?(): Awaitable<void>;
  onValidationEpochStart?(): Awaitable<void>;
  onValidationEpochEnd?(): Awaitable<void>;
  onValidationBatchStart?(batch: Batch, batchIdx: number, dataloaderIdx?: number): Awaitable<void>;
  onValidationBatchEnd?(outputs: unknown, batch: Batch, batchIdx: number, dataloaderIdx?: number): Awaitable<void>;
  onTestStart?(): Awaitable<void>;
  onTestEnd?(): Awaitable<void>;
  onTestEpochStart?(): Awaitable<void>;
  onTestEpochEnd?(): Awaitable<void>;
  onTestBatchStart?(batch: Batch, batchIdx: number, dataloaderIdx?: number): Awaitable<void>;
  onTestBatchEnd?(outputs: unknown, batch: Batch, batchIdx: number, dataloaderIdx?: number): Awaitable<void>;
  onPredictStart?(): Awaitable<void>;
  onPredictEnd?(): Awaitable<void>;
  onPredictEpochStart?(): Awaitable<void>;
  onPredictEpochEnd?(): Awaitable<void>;
  onPredictBatchStart?(batch: Batch, batchIdx: number, dataloaderIdx?: number): Awaitable<void>;
  onPredictBatchEnd?(outputs: unknown, batch: Batch, batchIdx: number, dataloaderIdx?: number): Awaitable<void>;
  onSaveCheckpoint?(checkpoint: Checkpoint): Awaitable<void>;
  onLoadCheckpoint?(checkpoint: Checkpoint): Awaitable<void>;

  // --- What training consists of, for those who must change it ---

  /** Runs the closure (step, zero gradients, backward) and applies the gradients. */
  optimizerStep(
    _epoch: number,
    _batchIdx: number,
    optimizer: LightningOptimizer,
    closure: () => Awaitable<Tensor | undefined>,
  ): Awaitable<void> {
    return optimizer.step(closure);
  }

  optimizerZeroGrad(_epoch: number, _batchIdx: number, optimizer: optim.Optimizer): void {
    optimizer.zeroGrad();
  }

  backward(loss: Tensor): Awaitable<void> {
    loss.backward();
  }

  lrSchedulerStep(scheduler: LrScheduler, metric: number | undefined): Awaitable<void> {
    if (metric === undefined) scheduler.step();
    else scheduler.step(metric);
  }

  configureGradientClipping(
    optimizer: optim.Optimizer,
    gradientClipVal: number | null,
    gradientClipAlgorithm: "norm" | "value",
  ): Awaitable<void> {
    this.clipGradients(optimizer, gradientClipVal, gradientClipAlgorithm);
  }

  clipGradients(
    optimizer: optim.Optimizer,
    gradientClipVal: number | null,
    gradientClipAlgorithm: "norm" | "value" = "norm",
  ): void {
    this.#attached("clipGradients()").clipGradients(optimizer, gradientClipVal, gradientClipAlgorithm);
  }

  onValidationModelZeroGrad(): Awaitable<void> {
    this.zeroGrad();
  }

  onValidationModelEval(): Awaitable<void> {
    this.#evaluate();
  }

  onValidationModelTrain(): Awaitable<void> {
    this.#restoreModes();
  }

  onTestModelEval(): Awaitable<void> {
    this.#evaluate();
  }

  onTestModelTrain(): Awaitable<void> {
    this.#restoreModes();
  }

  onPredictModelEval(): Awaitable<void> {
    this.#evaluate();
  }

  /** Remembers which submodules train (a frozen backbone's batch norms do not), so that all can be put back. */
  #evaluate(): void {
    this.#modesBeforeEval = new Map([...this.modules()].map((module) => [module, module.training]));
    this.eval();
  }

  #restoreModes(): void {
    const modes = this.#modesBeforeEval;
    this.#modesBeforeEval = undefined;
    if (modes === undefined) return;
    if ([...modes.values()].every(Boolean)) {
      this.train();
      return;
    }
    for (const [module, training] of modes) module.training = training;
  }

  // --- Manual optimization ---

  /** The optimizers, each counting its steps with the trainer. */
  optimizers(): readonly LightningOptimizer[] {
    const link = this.#attached("optimizers()");
    return link.trainer.optimizers.map((optimizer) => link.wrapOptimizer(optimizer));
  }

  lrSchedulers(): readonly LrScheduler[] {
    return this.#attached("lrSchedulers()").trainer.lrSchedulerConfigs.map(({ scheduler }) => scheduler);
  }

  /** `loss.backward()` with the precision's scaling. */
  manualBackward(loss: Tensor): void {
    this.#attached("manualBackward()").backward(loss);
  }

  freeze(): void {
    for (const parameter of this.parameters()) parameter.requiresGrad = false;
    this.eval();
  }

  unfreeze(): void {
    for (const parameter of this.parameters()) parameter.requiresGrad = true;
    this.train();
  }
}
