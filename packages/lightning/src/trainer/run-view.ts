import type { optim } from "@classifier-training/torch";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Callback } from "../core/callback.ts";
import type { LightningDataModule } from "../core/datamodule.ts";
import type { LightningModule } from "../core/module.ts";
import type { SchedulerConfig, SchedulerOptions } from "../core/optimizers.ts";
import type { SaveOptions, Stage, Status, TrainerFn, TrainerView } from "../core/trainer-view.ts";
import type { Logger } from "../loggers/logger.ts";
import { disposeTransferred } from "../loops/dispose.ts";
import { EvaluationLoop } from "../loops/evaluation-loop.ts";
import { FitLoop } from "../loops/fit-loop.ts";
import { PredictionLoop } from "../loops/prediction-loop.ts";
import type { MetricValues } from "../metrics/logged-values.ts";
import type { Profiler } from "../profilers/profiler.ts";
import { type Components, FitRun } from "../run/fit-run.ts";
import { exactCount, limitedBatches, type ResolvedOptions } from "../run/resolved-options.ts";
import { isDistributed, type Strategy } from "../strategies/strategy.ts";
import { MisconfigurationError } from "../utilities/errors.ts";

interface Loops {
  readonly fit: FitLoop;
  /** Of `fit`. */
  readonly validation: EvaluationLoop;
  readonly validate: EvaluationLoop;
  readonly test: EvaluationLoop;
  readonly predict: PredictionLoop;
}

/** What modules and callbacks see of a trainer, read from the run and its loops. */
export abstract class RunView implements TrainerView {
  readonly options: ResolvedOptions;
  protected readonly fitRun: FitRun;
  protected readonly loops: Loops;

  constructor(options: ResolvedOptions, components: Components) {
    this.options = options;
    const run = new FitRun(this, options, components);
    const validation = new EvaluationLoop(run, "validate");
    this.fitRun = run;
    this.loops = {
      fit: new FitLoop(run, validation),
      validation,
      validate: new EvaluationLoop(run, "validate"),
      test: new EvaluationLoop(run, "test"),
      predict: new PredictionLoop(run),
    };
  }

  get fn(): TrainerFn | undefined {
    return this.fitRun.state.fn;
  }
  get stage(): Stage | undefined {
    return this.fitRun.state.stage;
  }
  get status(): Status {
    return this.fitRun.state.status;
  }
  get sanityChecking(): boolean {
    return this.stage === "sanity_check";
  }
  get shouldStop(): boolean {
    return this.fitRun.state.shouldStop;
  }
  set shouldStop(stop: boolean) {
    this.fitRun.state.shouldStop = stop;
  }
  get currentEpoch(): number {
    return this.fitRun.progress.epoch;
  }
  get globalStep(): number {
    return this.fitRun.progress.optimizerSteps;
  }
  get loggedStep(): number {
    return this.fitRun.progress.batchesThatStepped;
  }
  get batchIdx(): number {
    return this.fitRun.progress.batchIdx;
  }
  get isLastBatch(): boolean {
    return this.fitRun.progress.isLastBatch;
  }
  get shouldUpdateLogs(): boolean {
    return this.fitRun.log.shouldUpdateLogs;
  }
  get lightningModule(): LightningModule {
    return this.fitRun.module;
  }
  get datamodule(): LightningDataModule | undefined {
    return this.fitRun.datamodule;
  }
  get callbacks(): readonly Callback[] {
    return this.fitRun.callbacks;
  }
  get loggers(): readonly Logger[] {
    return this.fitRun.log.loggers;
  }
  get logger(): Logger | undefined {
    return this.fitRun.log.loggers[0];
  }
  get optimizers(): readonly optim.Optimizer[] {
    return this.fitRun.optimization.optimizers;
  }
  get lrSchedulerConfigs(): readonly SchedulerConfig[] {
    return this.fitRun.optimization.schedulers;
  }
  get strategy(): Strategy {
    return this.fitRun.strategy;
  }
  get profiler(): Profiler {
    return this.fitRun.profiler;
  }
  get precision(): string {
    return this.fitRun.precision.name;
  }
  get callbackMetrics(): Readonly<MetricValues> {
    return this.fitRun.log.callbackMetrics;
  }
  isCurrentMetric(name: string): boolean {
    return this.fitRun.log.isCurrent(name);
  }
  get loggedMetrics(): Readonly<MetricValues> {
    return this.fitRun.log.loggedMetrics;
  }
  get progressBarMetrics(): Readonly<MetricValues> {
    return this.fitRun.log.progressBarMetrics;
  }
  addCallbackMetrics(values: Readonly<MetricValues>): void {
    this.fitRun.log.addCallbackMetrics(values);
  }
  get numTrainingBatches(): number {
    return this.fitRun.progress.numTrainingBatches;
  }
  get numValBatches(): readonly number[] {
    return this.fn === "validate" ? this.loops.validate.batches : this.loops.validation.batches;
  }
  get numSanityValBatches(): readonly number[] {
    return this.loops.validation.plannedBatches;
  }
  get numTestBatches(): readonly number[] {
    return this.loops.test.batches;
  }
  get numPredictBatches(): readonly number[] {
    return this.loops.predict.batches;
  }
  get trainLoaderStats(): { readonly waitMs: number; readonly images: number; readonly batches: number } {
    return this.loops.fit.epoch.stats;
  }
  get validationHasRun(): boolean {
    return this.loops.validation.hasRun;
  }
  get maxEpochs(): number {
    return this.fitRun.options.maxEpochs;
  }
  set maxEpochs(epochs: number) {
    this.fitRun.options.maxEpochs = epochs;
  }
  get minEpochs(): number {
    return this.fitRun.options.minEpochs;
  }
  get maxSteps(): number {
    return this.fitRun.options.maxSteps;
  }
  /** 1 for the end of an epoch, a fraction, or a number of batches. */
  get valCheckInterval(): number {
    const { valCheckInterval } = this.fitRun.options;
    return typeof valCheckInterval === "number" ? valCheckInterval : (exactCount(valCheckInterval) ?? 1);
  }
  get validatesAtEpochEnd(): boolean {
    const { checkValEveryNEpoch, valCheckTimeS } = this.fitRun.options;
    return valCheckTimeS === null && this.valCheckInterval === 1 && checkValEveryNEpoch === 1;
  }
  get validatesByTime(): boolean {
    return this.fitRun.options.valCheckTimeS !== null;
  }
  get checkValEveryNEpoch(): number | null {
    return this.fitRun.options.checkValEveryNEpoch;
  }
  get enableValidation(): boolean {
    return this.loops.validation.enabled;
  }
  get logEveryNSteps(): number {
    return this.fitRun.options.logEveryNSteps;
  }
  get accumulateGradBatches(): number {
    return this.fitRun.optimization.accumulateGradBatches;
  }
  set accumulateGradBatches(batches: number) {
    this.fitRun.optimization.accumulateGradBatches = batches;
  }
  get gradientClipVal(): number | null {
    return this.fitRun.options.gradientClipVal;
  }
  get fastDevRun(): number | false {
    return this.fitRun.options.fastDevRun;
  }
  get defaultRootDir(): string {
    return this.fitRun.options.defaultRootDir;
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
    return this.fitRun.checkpoints.path;
  }
  get runId(): string {
    return this.fitRun.checkpoints.runId;
  }
  get continuedRuns(): readonly string[] {
    return this.fitRun.checkpoints.continuedRuns;
  }
  get resumedStep(): number {
    return this.fitRun.checkpoints.resumedStep;
  }

  reloadTrainLoader(): Promise<void> {
    return this.loops.fit.reloadData();
  }

  forward<T>(run: () => T): T {
    return this.fitRun.precision.forward(run);
  }

  replaceLrSchedulers(schedulers: readonly SchedulerOptions[]): void {
    this.fitRun.optimization.replaceSchedulers(schedulers);
  }

  async forEachTrainingBatch(
    run: (batch: unknown) => boolean | undefined,
    { onAllRanks = false }: { readonly onAllRanks?: boolean } = {},
  ): Promise<void> {
    const { log, strategy, precision, data } = this.fitRun;
    if (isDistributed(strategy) && !onAllRanks) {
      throw new MisconfigurationError(
        `trials over the training data (to find a learning rate or a batch size) need one process, and this run has ${strategy.worldSize}`,
        "find the value with devices: 1 first, then train with it",
      );
    }
    log.muted = true;
    try {
      await this.loops.fit.eachBatch(async (original, keep) => {
        const batch = await data.transfer(original, strategy.rootDevice, precision.inputDtype, 0);
        const more = precision.forward(() => run(batch)) !== false;
        if (!keep) disposeTransferred(original, batch);
        return more;
      });
    } finally {
      log.muted = false;
    }
  }

  async estimateSteppingBatches(): Promise<number> {
    const { data, options, progress } = this.fitRun;
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
    return this.fitRun.writer.dump(weightsOnly);
  }

  saveCheckpoint(path: string, options?: SaveOptions): Promise<void> {
    return this.fitRun.writer.save(path, options);
  }

  checkpointExists(path: string): boolean {
    return this.isGlobalZero && this.fitRun.io.exists(path);
  }

  removeCheckpoint(path: string, root: string): void {
    if (!this.isGlobalZero) return;
    this.fitRun.divergence.removed(path);
    this.fitRun.io.remove(path, root);
  }

  linkCheckpoint(path: string, linkPath: string): void {
    if (this.isGlobalZero) this.fitRun.io.link(path, linkPath);
  }

  flushCheckpoints(): Promise<void> {
    return this.fitRun.io.flush();
  }
}
