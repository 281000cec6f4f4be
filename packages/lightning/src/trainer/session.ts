import { join } from "node:path";
import { CtError, dropOutputErrors, getLogger } from "@classifier-training/base";
import { checkpointPaths, runPaths } from "@classifier-training/runs";
import { nn } from "@classifier-training/torch";
import type { CheckpointIO } from "../checkpoint/io.ts";
import type { LightningDataModule } from "../core/datamodule.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerFn } from "../core/trainer-view.ts";
import type { FinalStatus } from "../loggers/logger.ts";
import type { EvaluationLoop } from "../loops/evaluation-loop.ts";
import { checkCall } from "../run/check-call.ts";
import { type CheckpointConnector, isCheckpointKeeper } from "../run/checkpoint-connector.ts";
import { estimateCheckpointBytes } from "../run/checkpoint-size.ts";
import { checkMetricNames } from "../run/metric-names.ts";
import { findMetrics } from "../run/module-metrics.ts";
import { agreeOnRun } from "../run/rank-agreement.ts";
import type { MetricValues } from "../run/result-collection.ts";
import { isolateRng } from "../run/rng.ts";
import { TrainingInterrupted } from "../run/signal-connector.ts";
import { isDistributed } from "../strategies/strategy.ts";
import { LightningError } from "../utilities/errors.ts";
import { nonFiniteWeight } from "../utilities/finite.ts";
import type { Assembly } from "./assembly.ts";
import { attachModuleCallbacks } from "./callback-connector.ts";
import type { Trainer } from "./trainer.ts";

const log = getLogger("lightning.trainer");

interface Call {
  readonly fn: TrainerFn;
  readonly module: LightningModule | undefined;
  readonly datamodule: LightningDataModule | undefined;
  readonly given: Record<string, unknown>;
}

/** One call of `fit`, `validate`, `test` or `predict`: setting up, running, and tearing down whatever happens. */
export class Session {
  readonly #trainer: Trainer;
  readonly #parts: Assembly;
  readonly #checkpoints: CheckpointConnector;
  readonly #io: CheckpointIO;
  readonly #call: Call;
  /** What the sanity check has logged. */
  #checkedMetrics: readonly string[] | undefined;

  constructor(trainer: Trainer, parts: Assembly, checkpoints: CheckpointConnector, io: CheckpointIO, call: Call) {
    this.#trainer = trainer;
    this.#parts = parts;
    this.#checkpoints = checkpoints;
    this.#io = io;
    this.#call = call;
  }

  /** @param body the loop */
  async run(ckptPath: string | null, moduleProvided: boolean, body: () => Promise<void>): Promise<void> {
    const { state, signals } = this.#parts;
    const { fn } = this.#call;
    this.#begin();
    if (fn === "fit") signals.install();
    const endDropping = dropOutputErrors();
    let interruption: TrainingInterrupted | undefined;
    try {
      checkCall(this.#parts, fn);
      await this.#parts.strategy.connect();
      await this.#io.flush();
      await this.#checkpoints.select(fn, ckptPath, moduleProvided || fn === "fit", this.#keepers());
      const writes = fn === "fit" && this.#trainer.isGlobalZero && this.#parts.callbacks.some(isCheckpointKeeper);
      if (writes) this.#io.warmUp();
      await this.#setUp();
      await body();
      await this.#end("success");
      state.status = "finished";
    } catch (error) {
      if (error instanceof TrainingInterrupted) interruption = error;
      else this.#parts.strategy.abandon();
      await this.#fail(error);
      if (interruption === undefined) throw error;
    } finally {
      if (fn === "fit") signals.remove();
      // An error of the last writing arrives a moment later.
      setImmediate(endDropping);
      state.stage = undefined;
      this.#parts.pinned = undefined;
    }
    if (interruption === undefined) return;
    // All ranks are stopping; the others wait until this one has saved.
    this.#parts.strategy.expectEnd();
    await this.#parts.strategy.barrier("interrupted").catch(() => {});
    if (this.#trainer.options.onSignal === "exit") process.exit(interruption.exitCode);
    throw interruption;
  }

  #begin(): void {
    const parts = this.#parts;
    const { fn, module, datamodule, given } = this.#call;
    if (module !== undefined) parts.module = module;
    else if (!parts.hasModule) {
      throw new LightningError({
        code: "lightning/no-module",
        what: `\`Trainer.${fn}()\` requires a LightningModule when it hasn't been passed in a previous run`,
      });
    }
    if (datamodule !== undefined || module !== undefined) parts.datamodule = datamodule;
    parts.state.fn = fn;
    parts.state.status = "running";
    parts.state.stage = undefined;
    parts.state.shouldStop = false;
    parts.state.trained = false;
    parts.divergence.begin();
    const { optimization } = parts;
    parts.data.attach(parts.module, parts.datamodule, given);
    parts.datamodule?.attachTrainer(this.#trainer);
    parts.module.attach({
      trainer: this.#trainer,
      log: (name, value, options) => parts.log.log(name, value, options),
      backward: (loss) => optimization.manualBackward(loss),
      clipGradients: (optimizer, value, algorithm) => optimization.clipGradients(optimizer, value, algorithm),
      wrapOptimizer: (optimizer) => optimization.wrap(optimizer),
    });
    parts.hooks.connect(parts.module, parts.callbacks);
  }

  #keepers() {
    return this.#parts.callbacks.filter(isCheckpointKeeper).map((keeper) => ({
      get bestModelPath() {
        return keeper.bestModelPath;
      },
      findLast: () => keeper.findLast(this.#trainer),
    }));
  }

  async #setUp(): Promise<void> {
    const parts = this.#parts;
    const { module, datamodule, hooks, callbacks } = parts;
    const { fn } = this.#call;
    const all = await attachModuleCallbacks(module, [...callbacks]);
    parts.callbacks = this.#trainer.isGlobalZero ? all : all.filter(({ rankZeroOnly }) => !rankZeroOnly);
    hooks.connect(module, parts.callbacks);
    if (parts.strategy.localRank === 0) {
      await datamodule?.prepareData?.();
      await hooks.module("prepareData");
    }
    await parts.strategy.barrier("prepareData");
    await datamodule?.setup?.(fn);
    await hooks.both("setup", fn);
    await hooks.module("configureModel");
    await this.#checkpoints.restoreModel();
    parts.log.resetAll();
    parts.log.resetMetrics();
    parts.precision.convertModule(module);
    if (this.#trainer.options.syncBatchnorm) nn.convertSyncBatchNorm(module);
    await agreeOnRun(parts);
    await parts.strategy.setup(module);
    if (fn === "fit") {
      await parts.optimization.configure();
      await hooks.both("onFitStart");
    }
    this.#logHyperparameters();
    module.zeroGrad();
    this.#checkpoints.restoreTraining();
    this.#checkpoints.restoreRng();
    this.#checkpoints.finish();
  }

  #logHyperparameters(): void {
    const { module, datamodule, log: logging } = this.#parts;
    const data = (datamodule as { hparams?: Record<string, unknown> } | undefined)?.hparams;
    const hparams = { ...data, ...module.hparams };
    for (const logger of logging.loggers) {
      if (this.#trainer.options.enableAutologHparams && Object.keys(hparams).length > 0) logger.logHyperparams(hparams);
      logger.logGraph?.(module);
      logger.save();
    }
  }

  /** A few validation batches before training, so that a fault there does not wait for the end of an epoch. */
  async sanityCheck(loop: EvaluationLoop): Promise<void> {
    const { options, hooks, log: logging, state, module } = this.#parts;
    if (!loop.enabled || options.numSanityValSteps === 0 || this.#goesOnWithinEpoch()) return;
    const resumedMetrics = this.#checkpoints.path === undefined ? undefined : logging.snapshotMetrics();
    const metrics = [...findMetrics(module)].map(([, metric]) => [metric, metric.stateDict()] as const);
    const resume = logging.suspend();
    state.stage = "sanity_check";
    await isolateRng(async () => {
      await hooks.callbacks("onSanityCheckStart");
      await loop.run();
      await hooks.callbacks("onSanityCheckEnd");
    });
    this.#checkedMetrics = Object.keys(logging.callbackMetrics);
    logging.resetResults();
    logging.resetMetrics();
    if (resumedMetrics !== undefined) logging.restoreMetrics(resumedMetrics);
    for (const [metric, saved] of metrics) metric.loadStateDict(saved);
    state.stage = undefined;
    resume();
  }

  /** @throws MisconfigurationError for a monitored metric that nothing is going to log */
  checkMetrics(validates: boolean): void {
    const resumed = Object.keys(this.#parts.log.callbackMetrics);
    checkMetricNames(this.#parts, { checked: this.#checkedMetrics, resumed, validates });
  }

  /** As in Lightning, a run that is resumed there, or one that goes by steps, is not checked again. */
  #goesOnWithinEpoch(): boolean {
    const { options, progress } = this.#parts;
    if (this.#checkpoints.path === undefined) return false;
    const bySteps = options.maxEpochs === -1 && options.maxSteps !== -1;
    return bySteps || (progress.phase !== "betweenEpochs" && progress.phase !== "epochEnd");
  }

  // --- Ending ---

  async #end(status: FinalStatus): Promise<void> {
    const { hooks, log: logging, data, profiler, strategy, module, datamodule } = this.#parts;
    const { fn } = this.#call;
    await strategy.teardown();
    await this.#io.flush();
    if (fn === "fit") await hooks.both("onFitEnd");
    await this.#io.flush();
    await datamodule?.teardown?.(fn);
    await hooks.both("teardown", fn);
    await data.close();
    await this.#io.close();
    for (const logger of logging.loggers) await logger.finalize(status);
    profiler.finish();
    datamodule?.attachTrainer(undefined);
    if (fn !== "fit") module.attach(undefined);
  }

  /** Tells everybody, saves what an interrupted run needs, and closes everything; the first error is what counts. */
  async #fail(error: unknown): Promise<void> {
    const { state, hooks, log: logging, data, datamodule, module } = this.#parts;
    const { fn } = this.#call;
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
      await this.#saveEnded(error);
      if (interrupted && this.#trainer.isGlobalZero) this.#parts.signals.afterSave();
    }
    // In this process as in the next: a training that begins anew has fresh metrics.
    if (fn === "fit") for (const metric of findMetrics(module).values()) metric.reset();
    await attempt("teardown", () => datamodule?.teardown?.(fn));
    await attempt("teardown", () => hooks.both("teardown", fn));
    await attempt("closing the loaders", () => data.close());
    await attempt("writing checkpoints", () => this.#io.close());
    for (const logger of logging.loggers) {
      await attempt("a logger", () => logger.finalize(interrupted ? "interrupted" : "failed"));
    }
    await attempt("the profiler", () => this.#parts.profiler.finish());
  }

  /** Saves the run that ends before its time, whatever ended it, unless its state is worth nothing. */
  async #saveEnded(error: unknown): Promise<void> {
    // The checkpoint before it is what one resumes from.
    if (CtError.is(error) && error.code === "lightning/diverged") return;
    const interrupted = error instanceof TrainingInterrupted;
    const { progress, strategy, module, options } = this.#parts;
    if (!options.enableCheckpointing || options.fastDevRun !== false) return;
    if (!interrupted && progress.totalBatches === this.#checkpoints.resumedBatches) return;
    await this.#io.flush();
    const kept = () => {
      const path = this.#keeper?.findLast(this.#trainer).last[0];
      return path === undefined ? "there is no checkpoint to resume from" : `${path} is the newest checkpoint`;
    };
    const refuse = (why: string) => log.warning(`the run as it stood is not saved: ${why}; ${kept()}`);
    if (!interrupted && isDistributed(strategy)) refuse("after an error the ranks are not at the same place");
    else if (progress.phase === "inBatch")
      refuse("the error came after the optimizer's step and before the batch's end");
    else {
      const bad = interrupted ? undefined : nonFiniteWeight(module.stateDict(), () => true);
      if (bad !== undefined) {
        refuse(`${bad} is not finite`);
        return;
      }
      try {
        await this.saveLast();
      } catch (error) {
        log.error(`the run as it stood could not be saved: ${(error as Error).message}; ${kept()}`);
      }
    }
  }

  /** Makes memory for checkpoints ready while training goes on, if any are going to be saved. */
  prepareSaves(): void {
    if (this.#parts.callbacks.some(isCheckpointKeeper) && this.#parts.options.fastDevRun === false)
      this.#io.prepare(estimateCheckpointBytes(this.#parts));
  }

  /** The callback whose last checkpoint an interrupted run is saved in. */
  get #keeper() {
    const keepers = this.#parts.callbacks.filter(isCheckpointKeeper);
    return keepers.find(({ keepsLast }) => keepsLast) ?? keepers[0];
  }

  /** Says from now on when the last checkpoint is older than it may be. */
  startSaveClock(): void {
    const begin = performance.now();
    const keeper = this.#keeper;
    const everyMs = this.#parts.options.fastDevRun === false ? (keeper?.saveEveryMs ?? null) : null;
    this.#parts.isSaveDue = () =>
      everyMs !== null && performance.now() - Math.max(begin, keeper?.lastSavedAt ?? 0) >= everyMs;
  }

  /** Saves the run as it stands under the name that "last" finds; the file is written while training continues. */
  async saveByTime(): Promise<void> {
    log.debug(`saving the run by time to ${await this.#keeper?.saveNow(this.#trainer)}`);
  }

  /** The same, and waits for the file. @returns the file; undefined where nothing is saved */
  async saveLast(): Promise<string | undefined> {
    const { options, strategy } = this.#parts;
    if (!options.enableCheckpointing || options.fastDevRun !== false) return undefined;
    let failure: unknown;
    const onDone = (error: unknown) => {
      failure = error;
    };
    const keeper = this.#keeper;
    const path =
      keeper === undefined
        ? join(options.defaultRootDir, runPaths.checkpoints, checkpointPaths.last)
        : await keeper.saveNow(this.#trainer, onDone);
    if (keeper === undefined) await this.#trainer.saveCheckpoint(path, { onDone });
    await this.#io.flush();
    if (failure !== undefined) throw failure;
    if (strategy.globalRank === 0) log.info(`saved the run to ${path}`);
    return path;
  }

  /** Prints what an evaluation measured. */
  report(fn: TrainerFn, results: readonly MetricValues[]): void {
    if (!this.#trainer.isGlobalZero || this.#parts.options.barebones) return;
    for (const [i, metrics] of results.entries()) {
      const names = Object.keys(metrics);
      if (names.length === 0) continue;
      const width = Math.max(...names.map((name) => name.length));
      const title = results.length > 1 ? `${fn} (loader ${i})` : fn;
      const lines = names.map((name) => `  ${name.padEnd(width)}  ${metrics[name]}`);
      log.info([`${title}:`, ...lines].join("\n"));
    }
  }
}
