import { type optim, setCudnnBenchmark, useDeterministicAlgorithms } from "@classifier-training/torch";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { CheckpointIO } from "../checkpoint/io.ts";
import type { RunIdentity } from "../checkpoint/run-signature.ts";
import type { Callback } from "../core/callback.ts";
import { LightningDataModule } from "../core/datamodule.ts";
import type { LightningModule } from "../core/module.ts";
import type { SchedulerConfig, SchedulerOptions } from "../core/optimizers.ts";
import type { SaveOptions, Stage, Status, TrainerFn, TrainerView } from "../core/trainer-view.ts";
import type { LoaderSource } from "../data/batch-loader.ts";
import type { Logger } from "../loggers/logger.ts";
import { disposeTransferred } from "../loops/dispose.ts";
import { EvaluationLoop } from "../loops/evaluation-loop.ts";
import { FitLoop } from "../loops/fit-loop.ts";
import { PredictionLoop } from "../loops/prediction-loop.ts";
import { ClusterEnvironment } from "../plugins/cluster-environment.ts";
import type { Profiler } from "../profilers/profiler.ts";
import { CheckpointConnector } from "../run/checkpoint-connector.ts";
import type { MetricValues } from "../run/result-collection.ts";
import { exactCount, limitedBatches } from "../run/settings.ts";
import { isDistributed, type Strategy } from "../strategies/strategy.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import { Assembly } from "./assembly.ts";
import { configureCallbacks } from "./callback-connector.ts";
import { parseTrainerOptions, type TrainerOptions, type TrainerOptionsInput } from "./options.ts";
import { Session } from "./session.ts";

export interface FitArguments {
  readonly trainDataloaders?: LoaderSource;
  readonly valDataloaders?: LoaderSource;
  readonly datamodule?: LightningDataModule | undefined;
  /** null starts anew; "last" resumes when there is something to resume; "best", or a path. */
  readonly ckptPath?: string | null;
  /** Whose run this is, for a program that keeps records of runs; otherwise a new run of a random id. */
  readonly run?: RunIdentity | undefined;
}

export interface EvaluateArguments {
  readonly dataloaders?: LoaderSource;
  readonly datamodule?: LightningDataModule | undefined;
  /** Without a module, null means "best". */
  readonly ckptPath?: string | null;
  /** Print what was measured (default true). */
  readonly verbose?: boolean;
}

export interface PredictArguments extends Omit<EvaluateArguments, "verbose"> {
  readonly returnPredictions?: boolean;
}

/**
 * Trains, evaluates and applies a module. It is put together from parts (loops, hooks, logging, data, checkpoints,
 * precision, strategy, signals), each in its own file; this class is their front door.
 */
export class Trainer implements TrainerView {
  readonly options: TrainerOptions;
  readonly #parts: Assembly;
  readonly #io: CheckpointIO;
  readonly #checkpoints: CheckpointConnector;
  readonly #validation: EvaluationLoop;
  readonly #validateLoop: EvaluationLoop;
  readonly #testLoop: EvaluationLoop;
  readonly #fitLoop: FitLoop;
  readonly #predictionLoop: PredictionLoop;

  /** @throws MisconfigurationError for an unknown option (naming the nearest), a wrong value, or a contradiction */
  constructor(options: TrainerOptionsInput = {}) {
    this.options = parseTrainerOptions(options);
    const parts = new Assembly(this.options, this);
    this.#parts = parts;
    const plugins = this.options.plugins === null ? [] : [this.options.plugins].flat();
    const io = plugins.find((plugin): plugin is CheckpointIO => plugin instanceof CheckpointIO);
    const environment = plugins.find((plugin) => plugin instanceof ClusterEnvironment);
    if (environment?.options.autoRequeue === false) parts.signals.requeue = undefined;
    this.#io = io ?? new CheckpointIO({ asynchronous: this.options.asyncCheckpointing });
    this.#checkpoints = new CheckpointConnector(parts);
    this.#validation = new EvaluationLoop(parts, "validate");
    this.#validateLoop = new EvaluationLoop(parts, "validate");
    this.#testLoop = new EvaluationLoop(parts, "test");
    this.#fitLoop = new FitLoop(parts, this.#validation);
    this.#predictionLoop = new PredictionLoop(parts);
    parts.callbacks = configureCallbacks(this.options, parts.options);
    if (this.options.benchmark !== null) setCudnnBenchmark(this.options.benchmark);
    const { deterministic } = parts.options;
    if (deterministic !== false) useDeterministicAlgorithms(true, { warnOnly: deterministic === "warn" });
  }

  // --- The four functions ---

  /** Trains a module, validating on the way. */
  async fit(module: LightningModule, data: LightningDataModule | FitArguments = {}): Promise<void> {
    const { trainDataloaders, valDataloaders, datamodule, ckptPath = null, run } = asArguments<FitArguments>(data);
    this.#checkpoints.identify(run);
    const session = this.#session("fit", module, datamodule, {
      trainDataloader: trainDataloaders,
      valDataloader: valDataloaders,
    });
    this.#validation.reset();
    this.#fitLoop.reset();
    await session.run(ckptPath, true, async () => {
      await session.sanityCheck(this.#validation);
      session.checkMetrics(this.#validation.enabled);
      this.#parts.state.stage = "train";
      session.startSaveClock();
      this.#fitLoop.epoch.saves = { asked: () => session.saveLast(), byTime: () => session.saveByTime() };
      this.#fitLoop.epoch.onFirstStep = () => session.prepareSaves();
      await this.#fitLoop.run();
    });
  }

  /** Evaluates on the validation data. @returns what was logged, by loader */
  validate(module?: LightningModule, data: LightningDataModule | EvaluateArguments = {}): Promise<MetricValues[]> {
    return this.#evaluate("validate", this.#validateLoop, module, asArguments(data), "valDataloader");
  }

  /** Evaluates on the test data. @returns what was logged, by loader */
  test(module?: LightningModule, data: LightningDataModule | EvaluateArguments = {}): Promise<MetricValues[]> {
    return this.#evaluate("test", this.#testLoop, module, asArguments(data), "testDataloader");
  }

  async #evaluate(
    fn: "validate" | "test",
    loop: EvaluationLoop,
    module: LightningModule | undefined,
    { dataloaders, datamodule, ckptPath = null, verbose = true }: EvaluateArguments,
    hook: "valDataloader" | "testDataloader",
  ): Promise<MetricValues[]> {
    const session = this.#session(fn, module, datamodule, { [hook]: dataloaders });
    loop.reset();
    let results: readonly MetricValues[] = [];
    await session.run(ckptPath, module !== undefined, async () => {
      this.#parts.state.stage = fn;
      results = await loop.run();
    });
    if (verbose) session.report(fn, results);
    return [...results];
  }

  /** Applies the module to the prediction data. @returns predictions by batch (with several loaders, a list of these) */
  async predict(
    module?: LightningModule,
    data: LightningDataModule | PredictArguments = {},
  ): Promise<unknown[] | undefined> {
    const { dataloaders, datamodule, ckptPath = null, returnPredictions = true } = asArguments<PredictArguments>(data);
    const session = this.#session("predict", module, datamodule, { predictDataloader: dataloaders });
    let predictions: unknown[] = [];
    await session.run(ckptPath, module !== undefined, async () => {
      this.#parts.state.stage = "predict";
      predictions = await this.#predictionLoop.run(returnPredictions);
    });
    return returnPredictions ? predictions : undefined;
  }

  #session(
    fn: TrainerFn,
    module: LightningModule | undefined,
    datamodule: LightningDataModule | undefined,
    given: Record<string, LoaderSource | undefined>,
  ): Session {
    return new Session(this, this.#parts, this.#checkpoints, this.#io, { fn, module, datamodule, given });
  }

  // --- What modules and callbacks see ---

  get fn(): TrainerFn | undefined {
    return this.#parts.state.fn;
  }
  get stage(): Stage | undefined {
    return this.#parts.state.stage;
  }
  get status(): Status {
    return this.#parts.state.status;
  }
  get sanityChecking(): boolean {
    return this.stage === "sanity_check";
  }
  get shouldStop(): boolean {
    return this.#parts.state.shouldStop;
  }
  set shouldStop(stop: boolean) {
    this.#parts.state.shouldStop = stop;
  }
  get currentEpoch(): number {
    return this.#parts.progress.epoch;
  }
  get globalStep(): number {
    return this.#parts.progress.optimizerSteps;
  }
  get loggedStep(): number {
    return this.#parts.progress.batchesThatStepped;
  }
  get batchIdx(): number {
    return this.#parts.progress.batchIdx;
  }
  get isLastBatch(): boolean {
    return this.#parts.progress.isLastBatch;
  }
  get shouldUpdateLogs(): boolean {
    return this.#parts.log.shouldUpdateLogs;
  }
  get lightningModule(): LightningModule {
    return this.#parts.module;
  }
  get datamodule(): LightningDataModule | undefined {
    return this.#parts.datamodule;
  }
  get callbacks(): readonly Callback[] {
    return this.#parts.callbacks;
  }
  get loggers(): readonly Logger[] {
    return this.#parts.log.loggers;
  }
  get logger(): Logger | undefined {
    return this.#parts.log.loggers[0];
  }
  get optimizers(): readonly optim.Optimizer[] {
    return this.#parts.optimization.optimizers;
  }
  get lrSchedulerConfigs(): readonly SchedulerConfig[] {
    return this.#parts.optimization.schedulers;
  }
  get strategy(): Strategy {
    return this.#parts.strategy;
  }
  get profiler(): Profiler {
    return this.#parts.profiler;
  }
  get precision(): string {
    return this.#parts.precision.name;
  }
  get callbackMetrics(): Readonly<MetricValues> {
    return this.#parts.log.callbackMetrics;
  }
  isCurrentMetric(name: string): boolean {
    return this.#parts.log.isCurrent(name);
  }
  get loggedMetrics(): Readonly<MetricValues> {
    return this.#parts.log.loggedMetrics;
  }
  get progressBarMetrics(): Readonly<MetricValues> {
    return this.#parts.log.progressBarMetrics;
  }
  addCallbackMetrics(values: Readonly<MetricValues>): void {
    this.#parts.log.addCallbackMetrics(values);
  }
  get numTrainingBatches(): number {
    return this.#parts.progress.numTrainingBatches;
  }
  get numValBatches(): readonly number[] {
    return this.fn === "validate" ? this.#validateLoop.batches : this.#validation.batches;
  }
  get numSanityValBatches(): readonly number[] {
    return this.#validation.plannedBatches;
  }
  get numTestBatches(): readonly number[] {
    return this.#testLoop.batches;
  }
  get numPredictBatches(): readonly number[] {
    return this.#predictionLoop.batches;
  }
  get trainLoaderStats(): { readonly waitMs: number; readonly images: number; readonly batches: number } {
    return this.#fitLoop.epoch.stats;
  }
  get validationHasRun(): boolean {
    return this.#validation.hasRun;
  }
  get maxEpochs(): number {
    return this.#parts.options.maxEpochs;
  }
  get minEpochs(): number {
    return this.#parts.options.minEpochs;
  }
  get maxSteps(): number {
    return this.#parts.options.maxSteps;
  }
  /** 1 for the end of an epoch, a fraction, or a number of batches. */
  get valCheckInterval(): number {
    const { valCheckInterval } = this.#parts.options;
    return typeof valCheckInterval === "number" ? valCheckInterval : (exactCount(valCheckInterval) ?? 1);
  }
  get validatesAtEpochEnd(): boolean {
    const { checkValEveryNEpoch, valCheckTimeS } = this.#parts.options;
    return valCheckTimeS === null && this.valCheckInterval === 1 && checkValEveryNEpoch === 1;
  }
  get validatesByTime(): boolean {
    return this.#parts.options.valCheckTimeS !== null;
  }
  get checkValEveryNEpoch(): number | null {
    return this.#parts.options.checkValEveryNEpoch;
  }
  get enableValidation(): boolean {
    return this.#validation.enabled;
  }
  get logEveryNSteps(): number {
    return this.#parts.options.logEveryNSteps;
  }
  get accumulateGradBatches(): number {
    return this.#parts.optimization.accumulateGradBatches;
  }
  set accumulateGradBatches(batches: number) {
    this.#parts.optimization.accumulateGradBatches = batches;
  }
  get gradientClipVal(): number | null {
    return this.#parts.options.gradientClipVal;
  }
  get fastDevRun(): number | false {
    return this.#parts.options.fastDevRun;
  }
  get defaultRootDir(): string {
    return this.#parts.options.defaultRootDir;
  }
  get isGlobalZero(): boolean {
    return this.strategy.globalRank === 0;
  }
  get worldSize(): number {
    return this.strategy.worldSize;
  }
  get globalRank(): number {
    return this.strategy.globalRank;
  }
  get ckptPath(): string | undefined {
    return this.#checkpoints.path;
  }
  get runId(): string {
    return this.#checkpoints.runId;
  }
  get continuedRuns(): readonly string[] {
    return this.#checkpoints.continuedRuns;
  }
  get resumedStep(): number {
    return this.#checkpoints.resumedStep;
  }

  reloadTrainLoader(): Promise<void> {
    return this.#fitLoop.reloadData();
  }

  forward<T>(run: () => T): T {
    return this.#parts.precision.forward(run);
  }

  replaceLrSchedulers(schedulers: readonly SchedulerOptions[]): void {
    this.#parts.optimization.replaceSchedulers(schedulers);
  }

  async forEachTrainingBatch(
    run: (batch: unknown) => boolean | undefined,
    { onAllRanks = false }: { readonly onAllRanks?: boolean } = {},
  ): Promise<void> {
    const { log, strategy, precision, data } = this.#parts;
    if (isDistributed(strategy) && !onAllRanks) {
      throw new MisconfigurationError(
        `trials over the training data (to find a learning rate or a batch size) need one process, and this run has ${strategy.worldSize}`,
        "find the value with devices: 1 first, then train with it",
      );
    }
    log.muted = true;
    try {
      await this.#fitLoop.eachBatch(async (original, keep) => {
        const batch = await data.transfer(original, strategy.rootDevice, precision.inputDtype, 0);
        const goesOn = precision.forward(() => run(batch)) !== false;
        if (!keep) disposeTransferred(original, batch);
        return goesOn;
      });
    } finally {
      log.muted = false;
    }
  }

  async estimateSteppingBatches(): Promise<number> {
    const { data, options, progress } = this.#parts;
    let batches = progress.numTrainingBatches;
    if (!Number.isFinite(batches) && data.has("trainDataloader")) {
      const [loader] = await data.request("trainDataloader");
      batches = limitedBatches(loader?.length ?? 0, options.limitTrainBatches, "train");
    }
    const byEpochs =
      options.maxEpochs === -1
        ? Number.POSITIVE_INFINITY
        : Math.ceil(batches / this.accumulateGradBatches) * Math.max(1, options.maxEpochs);
    return options.maxSteps === -1 ? byEpochs : Math.min(byEpochs, options.maxSteps);
  }

  // --- Checkpoints ---

  dumpCheckpoint(weightsOnly = false): Promise<Checkpoint> {
    return this.#checkpoints.dump(weightsOnly);
  }

  /** Takes a snapshot of the run and writes it to a file in the background; `flushCheckpoints` waits for it. */
  async saveCheckpoint(path: string, options: SaveOptions = {}): Promise<void> {
    const { weightsOnly = false, monitor, onDone, replaces = [], sameTensors } = options;
    this.profiler.start("saveCheckpoint");
    const checkpoint = await this.#checkpoints.dump(weightsOnly);
    if (!this.isGlobalZero) {
      this.profiler.stop("saveCheckpoint");
      onDone?.(undefined);
      return;
    }
    const summary = this.#checkpoints.summarize(checkpoint, weightsOnly, monitor);
    const { divergence } = this.#parts;
    divergence.wrote(path);
    const settled = (error: unknown) => {
      for (const gone of error === undefined ? replaces : [path]) divergence.removed(gone);
      onDone?.(error);
    };
    await this.#io.save({ path, checkpoint, summary, replaces, onDone: settled, sameTensors });
    this.profiler.stop("saveCheckpoint");
  }

  checkpointExists(path: string): boolean {
    return this.isGlobalZero && this.#io.exists(path);
  }

  removeCheckpoint(path: string, root: string): void {
    if (!this.isGlobalZero) return;
    this.#parts.divergence.removed(path);
    this.#io.remove(path, root);
  }

  linkCheckpoint(path: string, linkPath: string): void {
    if (this.isGlobalZero) this.#io.link(path, linkPath);
  }

  flushCheckpoints(): Promise<void> {
    return this.#io.flush();
  }
}

function asArguments<T extends object>(data: LightningDataModule | T): T {
  return data instanceof LightningDataModule ? ({ datamodule: data } as unknown as T) : data;
}
