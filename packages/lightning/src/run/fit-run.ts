import { dropOutputErrors, getLogger, internalError } from "@classifier-training/base";
import { nn } from "@classifier-training/torch";
import type { CheckpointIO } from "../checkpoint/io.ts";
import type { RunIdentity } from "../checkpoint/run-signature.ts";
import type { Callback } from "../core/callback.ts";
import { isCheckpointCallback } from "../core/checkpoint-callback.ts";
import type { LightningDataModule } from "../core/datamodule.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerFn, TrainerView } from "../core/trainer-view.ts";
import type { Logger } from "../loggers/logger.ts";
import type { Precision } from "../precision/precision.ts";
import { type Profiler, passThroughProfiler } from "../profilers/profiler.ts";
import { isDistributed, type Strategy } from "../strategies/strategy.ts";
import { LightningError } from "../utilities/errors.ts";
import { attachModuleCallbacks } from "./callback-connector.ts";
import { CheckpointConnector } from "./checkpoint-connector.ts";
import { CheckpointWriter } from "./checkpoint-writer.ts";
import { checkCall } from "./configuration-validator.ts";
import { DataConnector } from "./data-connector.ts";
import { DivergenceGuard } from "./divergence.ts";
import { HookCaller } from "./hook-caller.ts";
import { LastCheckpoint } from "./last-checkpoint.ts";
import { LoggerConnector } from "./logger-connector.ts";
import { findMetrics } from "./module-metrics.ts";
import { Optimization } from "./optimization.ts";
import { Progress, RunState } from "./progress.ts";
import { agreeOnRun } from "./rank-agreement.ts";
import type { ResolvedOptions } from "./resolved-options.ts";
import { SignalConnector, TrainingInterrupted } from "./signal-connector.ts";
import type { StageMark } from "./stage-mark.ts";

const log = getLogger("lightning.trainer");

/** The objects that a trainer's options stand for. */
export interface Components {
  readonly strategy: Strategy;
  readonly precision: Precision;
  readonly profiler: Profiler;
  /** Empty but on rank 0. */
  readonly loggers: readonly Logger[];
  readonly callbacks: readonly Callback[];
  readonly io: CheckpointIO;
  /** Whether SIGUSR1 has a SLURM job requeued. */
  readonly autoRequeue: boolean;
}

/** A call of `fit`, `validate`, `test` or `predict`. */
export interface Call {
  readonly fn: TrainerFn;
  readonly module: LightningModule | undefined;
  readonly datamodule: LightningDataModule | undefined;
  /** By hook, the loaders that were passed. */
  readonly loaders: Readonly<Record<string, unknown>>;
  readonly ckptPath: string | null;
  readonly identity?: RunIdentity | undefined;
}

/**
 * The owner of a run: its components, and the lifecycle of a call (set up, run the loop, tear down whatever happens).
 * Components are given what they need of it; the loops are given all of it.
 */
export class FitRun {
  readonly options: ResolvedOptions;
  readonly strategy: Strategy;
  readonly precision: Precision;
  readonly profiler: Profiler;
  readonly io: CheckpointIO;
  readonly state = new RunState();
  readonly progress = new Progress();
  readonly signals: SignalConnector;
  readonly data: DataConnector;
  readonly log: LoggerConnector;
  readonly hooks: HookCaller;
  readonly divergence: DivergenceGuard;
  readonly optimization: Optimization;
  readonly checkpoints: CheckpointConnector;
  readonly writer: CheckpointWriter;
  readonly lastCheckpoint: LastCheckpoint;
  callbacks: readonly Callback[];
  datamodule: LightningDataModule | undefined;
  /** What a checkpoint must hold of generators, metrics and loggers when these have moved on since its place in the training. */
  pinned: StageMark | undefined;
  readonly #trainer: TrainerView;
  #module: LightningModule | undefined;

  constructor(trainer: TrainerView, options: ResolvedOptions, components: Components) {
    this.#trainer = trainer;
    this.options = options;
    const { strategy, precision, profiler, io, loggers, callbacks, autoRequeue } = components;
    this.strategy = strategy;
    this.precision = precision;
    this.profiler = profiler;
    this.io = io;
    this.callbacks = callbacks;
    this.signals = new SignalConnector(isDistributed(strategy));
    if (!autoRequeue) this.signals.requeue = undefined;
    this.data = new DataConnector(strategy, options.useDistributedSampler);
    this.log = new LoggerConnector(this.state, this.progress, options, strategy, loggers);
    this.hooks = new HookCaller(trainer, this.log);
    if (profiler !== passThroughProfiler) {
      this.hooks.observe((owner, hook, start) => {
        if (start) profiler.start(`${owner}.${hook}`);
        else profiler.stop(`${owner}.${hook}`);
      });
    }
    this.divergence = new DivergenceGuard(this);
    this.optimization = new Optimization(this);
    this.checkpoints = new CheckpointConnector(this, trainer);
    this.writer = new CheckpointWriter(this);
    this.lastCheckpoint = new LastCheckpoint(this, trainer);
  }

  get module(): LightningModule {
    if (this.#module === undefined) throw internalError("the trainer's module was read before it was given");
    return this.#module;
  }

  /** @param loop what the call is for, between setting up and tearing down */
  async run(call: Call, loop: () => Promise<void>): Promise<void> {
    const { fn, ckptPath, module } = call;
    const { state, signals, strategy, io, checkpoints, callbacks } = this;
    this.#begin(call);
    if (fn === "fit") signals.install();
    const endDropping = dropOutputErrors();
    let interruption: TrainingInterrupted | undefined;
    try {
      checkCall(this, fn);
      await strategy.connect();
      await io.flush();
      await checkpoints.select(fn, ckptPath, module !== undefined || fn === "fit");
      if (fn === "fit" && strategy.globalRank === 0 && callbacks.some(isCheckpointCallback)) io.warmUp();
      await this.#setUp(fn);
      await loop();
      await this.#end(fn);
      state.status = "finished";
    } catch (error) {
      if (error instanceof TrainingInterrupted) interruption = error;
      else strategy.abandon();
      await this.#fail(fn, error);
      if (interruption === undefined) throw error;
    } finally {
      if (fn === "fit") signals.remove();
      // An error of the last writing arrives a moment later.
      setImmediate(endDropping);
      state.stage = undefined;
      this.pinned = undefined;
    }
    if (interruption === undefined) return;
    // All ranks are stopping; the others wait until this one has saved.
    strategy.expectEnd();
    await strategy.barrier("interrupted").catch(() => {});
    if (this.options.onSignal === "exit") process.exit(interruption.exitCode);
    throw interruption;
  }

  #begin({ fn, module, datamodule, loaders, identity }: Call): void {
    if (module !== undefined) this.#module = module;
    else if (this.#module === undefined) {
      throw new LightningError({
        code: "lightning/no-module",
        what: `\`Trainer.${fn}()\` requires a LightningModule when it hasn't been passed in a previous run`,
      });
    }
    if (datamodule !== undefined || module !== undefined) this.datamodule = datamodule;
    if (fn === "fit") this.checkpoints.identify(identity);
    this.state.begin(fn);
    this.divergence.begin();
    const { optimization, data, hooks } = this;
    data.attach(this.module, this.datamodule, loaders);
    this.datamodule?.attachTrainer(this.#trainer);
    this.module.attach({
      trainer: this.#trainer,
      log: (name, value, options) => this.log.log(name, value, options),
      backward: (loss) => optimization.manualBackward(loss),
      clipGradients: (optimizer, value, algorithm) => optimization.clipGradients(optimizer, value, algorithm),
      wrapOptimizer: (optimizer) => optimization.wrap(optimizer),
    });
    hooks.connect(this.module, this.callbacks);
  }

  async #setUp(fn: TrainerFn): Promise<void> {
    const { module, datamodule, hooks, strategy, checkpoints, precision, optimization } = this;
    const all = await attachModuleCallbacks(module, this.callbacks);
    this.callbacks = strategy.globalRank === 0 ? all : all.filter(({ rankZeroOnly }) => !rankZeroOnly);
    hooks.connect(module, this.callbacks);
    if (strategy.localRank === 0) {
      await datamodule?.prepareData?.();
      await hooks.module("prepareData");
    }
    await strategy.barrier("prepareData");
    await datamodule?.setup?.(fn);
    await hooks.both("setup", fn);
    await hooks.module("configureModel");
    await checkpoints.restoreModel();
    this.log.resetAll();
    this.log.resetMetrics();
    precision.convertModule(module);
    if (this.options.syncBatchnorm) nn.convertSyncBatchNorm(module);
    await agreeOnRun(this);
    await strategy.setup(module);
    if (fn === "fit") {
      await optimization.configure();
      await hooks.both("onFitStart");
    }
    this.#logHyperparameters();
    module.zeroGrad();
    checkpoints.restoreTraining();
    checkpoints.restoreRng();
    checkpoints.finish();
  }

  #logHyperparameters(): void {
    const { module, datamodule, options } = this;
    const data = (datamodule as { hparams?: Record<string, unknown> } | undefined)?.hparams;
    const hparams = { ...data, ...module.hparams };
    for (const logger of this.log.loggers) {
      if (options.enableAutologHparams && Object.keys(hparams).length > 0) logger.logHyperparams(hparams);
      logger.logGraph?.(module);
      logger.save();
    }
  }

  // --- Ending ---

  async #end(fn: TrainerFn): Promise<void> {
    const { hooks, data, profiler, strategy, module, datamodule, io } = this;
    await strategy.teardown();
    await io.flush();
    if (fn === "fit") await hooks.both("onFitEnd");
    await io.flush();
    await datamodule?.teardown?.(fn);
    await hooks.both("teardown", fn);
    await data.close();
    await io.close();
    for (const logger of this.log.loggers) await logger.finalize("success");
    profiler.finish();
    datamodule?.attachTrainer(undefined);
    if (fn !== "fit") module.attach(undefined);
  }

  /** Calls `onException`, saves what an interrupted run needs, and closes everything; the first error is what counts. */
  async #fail(fn: TrainerFn, error: unknown): Promise<void> {
    const { state, hooks, data, datamodule, module, io } = this;
    const interrupted = error instanceof TrainingInterrupted;
    state.status = "interrupted";
    const attempt = async (what: string, run: () => unknown) => {
      try {
        await run();
      } catch (second) {
        log.warning(`while ending after an error, ${what} failed too: ${(second as Error).message}`);
      }
    };
    await attempt("onException", () => hooks.callbacks("onException", error));
    await attempt("onException", () => datamodule?.onException?.(error));
    if (fn === "fit" && (state.stage === "train" || state.stage === "validate") && !state.trained) {
      await this.lastCheckpoint.saveAfter(error);
      if (interrupted && this.strategy.globalRank === 0) this.signals.afterSave();
    }
    // In this process as in the next: a training that begins anew has fresh metrics.
    if (fn === "fit") for (const metric of findMetrics(module).values()) metric.reset();
    await attempt("teardown", () => datamodule?.teardown?.(fn));
    await attempt("teardown", () => hooks.both("teardown", fn));
    await attempt("closing the loaders", () => data.close());
    await attempt("writing checkpoints", () => io.close());
    for (const logger of this.log.loggers) {
      await attempt("a logger", () => logger.finalize(interrupted ? "interrupted" : "failed"));
    }
    await attempt("the profiler", () => this.profiler.finish());
  }
}
