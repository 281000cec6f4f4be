import type { Tensor } from "@classifier-training/torch";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { CheckpointSummary } from "../checkpoint/format.ts";
import type { CheckpointIO } from "../checkpoint/io.ts";
import { gatherRanks } from "../checkpoint/rank-state.ts";
import type { Callback } from "../core/callback.ts";
import type { LightningDataModule } from "../core/datamodule.ts";
import type { LightningModule } from "../core/module.ts";
import type { SaveOptions } from "../core/trainer-view.ts";
import type { Precision } from "../precision/precision.ts";
import type { Profiler } from "../profilers/profiler.ts";
import type { Strategy } from "../strategies/strategy.ts";
import type { CheckpointConnector } from "./checkpoint-connector.ts";
import type { DivergenceGuard } from "./divergence.ts";
import type { HookCaller } from "./hook-caller.ts";
import type { LoggerConnector } from "./logger-connector.ts";
import { findMetrics } from "./module-metrics.ts";
import type { Optimization } from "./optimization.ts";
import type { Progress } from "./progress.ts";
import { captureRng } from "./rng.ts";
import type { StageMark } from "./stage-mark.ts";

/** What a checkpoint is made of. */
interface Run {
  readonly module: LightningModule;
  readonly datamodule: LightningDataModule | undefined;
  readonly callbacks: readonly Callback[];
  readonly progress: Progress;
  readonly hooks: HookCaller;
  readonly log: LoggerConnector;
  readonly optimization: Optimization;
  readonly divergence: DivergenceGuard;
  readonly precision: Precision;
  readonly strategy: Strategy;
  readonly profiler: Profiler;
  readonly io: CheckpointIO;
  readonly checkpoints: CheckpointConnector;
  readonly pinned: StageMark | undefined;
}

/** Makes checkpoints of a run. */
export class CheckpointWriter {
  readonly #run: Run;

  constructor(run: Run) {
    this.#run = run;
  }

  /** Takes a snapshot of the run and writes it to a file in the background; `CheckpointIO.flush` waits for it. */
  async save(path: string, options: SaveOptions = {}): Promise<void> {
    const { weightsOnly = false, monitor, onDone, replaces = [], sameTensors } = options;
    const { profiler, strategy, divergence, io } = this.#run;
    profiler.start("saveCheckpoint");
    const checkpoint = await this.dump(weightsOnly);
    if (strategy.globalRank !== 0) {
      profiler.stop("saveCheckpoint");
      onDone?.(undefined);
      return;
    }
    divergence.wrote(path);
    const settled = (error: unknown) => {
      for (const gone of error === undefined ? replaces : [path]) divergence.removed(gone);
      onDone?.(error);
    };
    const summary = this.#summarize(checkpoint, weightsOnly, monitor);
    await io.save({ path, checkpoint, summary, replaces, onDone: settled, sameTensors });
    profiler.stop("saveCheckpoint");
  }

  async dump(weightsOnly: boolean): Promise<Checkpoint> {
    const {
      module,
      datamodule,
      callbacks,
      optimization,
      precision,
      progress,
      log: logging,
      hooks,
      checkpoints,
    } = this.#run;
    const checkpoint: Checkpoint = {
      epoch: progress.save().epoch,
      globalStep: progress.optimizerSteps,
      stateDict: module.stateDict(),
      runId: checkpoints.runId,
      continuedRuns: checkpoints.continuedRuns,
      runSignature: checkpoints.runSignature(),
    };
    if (Object.keys(module.hparams).length > 0) checkpoint.hyperParameters = { ...module.hparams };
    if (!weightsOnly) {
      const metrics = findMetrics(module);
      const pathOf = (metric: object) => [...metrics].find(([, own]) => own === metric)?.[0];
      const { pinned } = this.#run;
      checkpoint.loops = {
        ...progress.save(),
        ...(pinned !== undefined && { evaluationSteps: [...pinned.evaluationSteps] }),
        ...logging.save(pathOf),
      };
      checkpoint.callbacks = {};
      for (const callback of callbacks) {
        const state = callback.stateDict?.();
        if (state !== undefined && Object.keys(state).length > 0) checkpoint.callbacks[callback.stateKey] = state;
      }
      checkpoint.optimizerStates = optimization.optimizers.map(
        (optimizer) => optimizer.stateDict() as unknown as Record<string, unknown>,
      );
      checkpoint.lrSchedulers = optimization.schedulers.map(({ scheduler }) => scheduler.stateDict());
      checkpoint.configured = optimization.configured;
      checkpoint.precision = precision.stateDict();
      const gradients = this.#partialGradients();
      if (gradients.size > 0) checkpoint.gradients = gradients;
      checkpoint.rng = pinned?.rng ?? captureRng();
      // After a validation, what it logged is still to be reset: the resumed run begins behind that.
      const over = progress.phase === "validationEnd" ? logging.validatedMetrics() : new Set<object>();
      const states = [...metrics].filter(([, metric]) => !over.has(metric));
      checkpoint.moduleMetrics =
        pinned?.metricStates() ?? Object.fromEntries(states.map(([name, metric]) => [name, metric.stateDict()]));
      checkpoint.loggers = [...(pinned?.loggers ?? logging.loggers.map((logger) => logger.stateDict?.() ?? null))];
      const ranks = await gatherRanks(checkpoint, this.#run.strategy);
      if (ranks.length > 0) checkpoint.ranks = ranks;
      const data = datamodule?.stateDict?.();
      if (data !== undefined) checkpoint.datamodule = data;
      datamodule?.onSaveCheckpoint?.(checkpoint);
    }
    await hooks.callbacks("onSaveCheckpoint", checkpoint);
    await hooks.module("onSaveCheckpoint", checkpoint);
    this.#run.divergence.checkSaved(checkpoint.stateDict, checkpoint.trainingStateDict);
    return checkpoint;
  }

  /** Between two batches whose gradients add up, these are state too. */
  #partialGradients(): Map<string, Tensor> {
    const { progress, optimization, module } = this.#run;
    const gradients = new Map<string, Tensor>();
    if (progress.batchesReady % optimization.accumulateGradBatches === 0 || progress.allBatchesReady) return gradients;
    for (const [name, { grad }] of module.namedParameters()) if (grad !== null) gradients.set(name, grad);
    return gradients;
  }

  #summarize(checkpoint: Checkpoint, weightsOnly: boolean, monitor: CheckpointSummary["monitor"]): CheckpointSummary {
    const metrics = Object.entries(this.#run.log.callbackMetrics).map(([name, value]) => [
      name,
      Number.isFinite(value) ? value : String(value),
    ]);
    return {
      created: new Date().toISOString(),
      epoch: checkpoint.epoch,
      globalStep: checkpoint.globalStep,
      runId: checkpoint.runId,
      continuedRuns: checkpoint.continuedRuns,
      model: this.#run.module.constructor.name,
      weightsOnly,
      metrics: Object.fromEntries(metrics),
      monitor: monitor && { ...monitor, value: Number.isFinite(monitor.value) ? monitor.value : String(monitor.value) },
      runSignature: checkpoint.runSignature,
    };
  }
}
