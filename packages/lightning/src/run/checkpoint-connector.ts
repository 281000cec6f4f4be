import { randomUUID } from "node:crypto";
import { getLogger } from "@classifier-training/base";
import { keep } from "@classifier-training/torch";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { loadCheckpoint } from "../checkpoint/load.ts";
import { ownState } from "../checkpoint/rank-state.ts";
import { checkRunSignature, type RunIdentity, type RunSignature } from "../checkpoint/run-signature.ts";
import type { Callback } from "../core/callback.ts";
import { isCheckpointCallback } from "../core/checkpoint-callback.ts";
import type { LightningDataModule } from "../core/datamodule.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerFn, TrainerView } from "../core/trainer-view.ts";
import type { Precision } from "../precision/precision.ts";
import { isDistributed, type Strategy } from "../strategies/strategy.ts";
import { LightningError } from "../utilities/errors.ts";
import { refuseNonFiniteWeights } from "../utilities/finite.ts";
import { type ChosenCheckpoint, chooseCheckpoint, fastDevRunId } from "./checkpoint-choice.ts";
import type { DivergenceGuard } from "./divergence.ts";
import type { HookCaller } from "./hook-caller.ts";
import type { LoggerConnector } from "./logger-connector.ts";
import { findMetrics } from "./module-metrics.ts";
import type { Optimization } from "./optimization.ts";
import type { Progress, RunState } from "./progress.ts";
import type { ResolvedOptions } from "./resolved-options.ts";
import { loadSchedules } from "./resumed-schedules.ts";
import { restoreRng } from "./rng.ts";

const log = getLogger("lightning.checkpoint");

/** What it puts back. */
interface Run {
  readonly options: ResolvedOptions;
  readonly module: LightningModule;
  readonly datamodule: LightningDataModule | undefined;
  readonly callbacks: readonly Callback[];
  readonly state: RunState;
  readonly progress: Progress;
  readonly hooks: HookCaller;
  readonly log: LoggerConnector;
  readonly optimization: Optimization;
  readonly divergence: DivergenceGuard;
  readonly precision: Precision;
  readonly strategy: Strategy;
}

/** Whose run it is, as rank 0 has decided it. */
interface Choice {
  readonly path: string | undefined;
  readonly runId: string;
  readonly continuedRuns: readonly string[];
}

/** Finds the checkpoint that a call begins with, and puts the run where it says. */
export class CheckpointConnector {
  readonly #run: Run;
  readonly #trainer: TrainerView;
  #loaded: Checkpoint | undefined;
  #path: string | undefined;
  #identity: RunIdentity | undefined;
  #runId: string;
  continuedRuns: readonly string[] = [];
  resumedStep = 0;
  /** Training batches of all epochs that were done when this call began. */
  resumedBatches = 0;

  constructor(run: Run, trainer: TrainerView) {
    this.#run = run;
    this.#trainer = trainer;
    // A trial run is never resumed (Lightning saves a last checkpoint there too).
    this.#runId = run.options.fastDevRun === false ? randomUUID() : fastDevRunId;
  }

  get runId(): string {
    return this.#runId;
  }

  /** Says whose run the next fit is. */
  identify(identity: RunIdentity | undefined): void {
    this.#identity = identity;
    if (identity !== undefined && this.#run.options.fastDevRun === false) this.#runId = identity.id;
  }

  get path(): string | undefined {
    return this.#path;
  }

  // --- Choosing ---

  /**
   * Loads the file that `ckptPath` stands for.
   * @param modelProvided whether the call has passed a module
   * @throws LightningError when there is none (except for "last", which then starts from scratch) or it is damaged
   */
  async select(fn: TrainerFn, ckptPath: string | null, modelProvided: boolean): Promise<void> {
    this.#take(undefined);
    const { strategy, callbacks, progress } = this.#run;
    this.resumedBatches = progress.totalBatches;
    if (strategy.globalRank === 0) {
      const chosen = chooseCheckpoint({
        trainer: this.#trainer,
        fn,
        ckptPath,
        modelProvided,
        callbacks: callbacks.filter(isCheckpointCallback),
        identity: this.#identity,
      });
      this.#take(chosen);
      if (chosen?.continuesRun) {
        const { runId, continuedRuns = [] } = chosen.checkpoint;
        this.continuedRuns = [...new Set([runId, ...continuedRuns])];
      }
    }
    if (!isDistributed(strategy)) return;
    // Rank 0 decides: a folder may change while the ranks look into it.
    const { runId, continuedRuns } = this;
    const [chosen] = (await strategy.allGather({ path: this.#path, runId, continuedRuns })) as [Choice];
    if (strategy.globalRank > 0 && chosen.path !== undefined)
      this.#take({ path: chosen.path, checkpoint: loadCheckpoint(chosen.path) });
    this.#runId = chosen.runId;
    this.continuedRuns = chosen.continuedRuns;
  }

  #take(chosen: Pick<ChosenCheckpoint, "path" | "checkpoint"> | undefined): void {
    this.#path = chosen?.path;
    this.#loaded = chosen?.checkpoint;
  }

  // --- Restoring, in Lightning's order ---

  /** Weights, callbacks and data: before the optimizers exist. */
  async restoreModel(): Promise<void> {
    const checkpoint = this.#loaded;
    const path = this.#path;
    if (checkpoint === undefined || path === undefined) return;
    const { module, datamodule, hooks, state, callbacks } = this.#run;
    const fitting = state.fn === "fit";
    if (fitting && this.#identity === undefined) checkRunSignature(checkpoint.runSignature, this.runSignature(), path);
    datamodule?.onLoadCheckpoint?.(checkpoint);
    if (fitting && checkpoint.datamodule !== undefined) datamodule?.loadStateDict?.(checkpoint.datamodule);
    await hooks.module("onLoadCheckpoint", checkpoint);
    const weights = (fitting ? checkpoint.trainingStateDict : undefined) ?? checkpoint.stateDict;
    refuseNonFiniteWeights(weights, module, path);
    module.loadStateDict(weights, { strict: module.strictLoading, where: path });
    if (!fitting) return;
    await hooks.callbacks("onLoadCheckpoint", checkpoint);
    for (const callback of callbacks) {
      const saved = checkpoint.callbacks?.[callback.stateKey];
      if (saved !== undefined) callback.loadStateDict?.(saved);
      else if (callback.stateDict !== undefined) this.#sayNewState(callback, checkpoint);
    }
  }

  /** A callback whose state is saved under its options has none under others. */
  #sayNewState(callback: Callback, { callbacks = {} }: Checkpoint): void {
    const taken = new Set(this.#run.callbacks.map(({ stateKey }) => stateKey));
    const kind = callback.constructor.name;
    const other = Object.keys(callbacks).find((key) => key.startsWith(kind) && key !== kind && !taken.has(key));
    if (other === undefined) return;
    log.warning(
      `${callback.stateKey} begins anew: the checkpoint has the state of ${other}, which does not fit its options`,
    );
  }

  /** Everything else: once optimizers and schedulers are there. */
  restoreTraining(): void {
    const checkpoint = this.#loaded;
    const path = this.#path;
    if (checkpoint === undefined || this.#run.state.fn !== "fit") return;
    const { loops, optimizerStates = [], lrSchedulers = [] } = checkpoint;
    if (loops === undefined) {
      throw new LightningError({
        code: "checkpoint/weights-only",
        what: "the checkpoint holds weights only, and training cannot be resumed from it",
        where: this.#path,
        fix: "save with saveWeightsOnly: false, or load its weights and start from scratch",
      });
    }
    const { optimization, precision, log: logging, progress, module } = this.#run;
    const own = ownState(checkpoint, loops, this.#run.strategy, path);
    precision.loadStateDict(checkpoint.precision ?? {});
    for (const [i, optimizer] of optimization.optimizers.entries()) {
      const saved = optimizerStates[i];
      if (saved !== undefined) optimizer.loadStateDict(saved as never);
    }
    const metrics = findMetrics(module);
    for (const [name, saved] of Object.entries(own.moduleMetrics ?? {})) {
      metrics.get(name)?.loadStateDict(saved as never);
    }
    progress.load(loops);
    const { optimizers, schedulers, configured } = optimization;
    loadSchedules(lrSchedulers, checkpoint.configured, configured, { optimizers, schedulers, progress });
    this.resumedStep = loops.globalStep;
    this.resumedBatches = loops.totalBatches;
    const parameters = new Map(module.namedParameters());
    for (const [name, gradient] of own.gradients ?? []) {
      const parameter = parameters.get(name);
      if (parameter !== undefined) parameter.grad = keep(gradient.clone());
    }
    const midEpoch = loops.phase !== "betweenEpochs" && loops.phase !== "epochEnd";
    logging.load(
      { ...loops, ...(own.results && { results: own.results, metrics: own.metrics ?? loops.metrics }) },
      midEpoch,
      (name) => metrics.get(name) as never,
    );
    // A program's own logger comes after those that are configured, of which there may be others now.
    const offset = (checkpoint.loggers?.length ?? 0) - logging.loggers.length;
    for (const [i, logger] of logging.loggers.entries()) {
      const saved = checkpoint.loggers?.[i + offset];
      if (saved !== null && saved !== undefined) logger.loadStateDict?.(saved as never);
    }
  }

  /** The random generators, last: what was set up in between has drawn from them. */
  restoreRng(): void {
    const { globalRank } = this.#run.strategy;
    const saved = (globalRank > 0 ? this.#loaded?.ranks?.[globalRank - 1]?.rng : undefined) ?? this.#loaded?.rng;
    if (saved !== undefined && this.#run.state.fn === "fit") restoreRng(saved);
  }

  /** All is restored: the memory can go. */
  finish(): void {
    if (this.#loaded !== undefined) {
      const what = this.#run.state.fn === "fit" ? "Restored all states" : "Loaded model weights";
      log.info(`${what} from the checkpoint at ${this.#path}`);
    }
    this.#loaded = undefined;
    if (this.#path !== undefined) this.#run.divergence.wrote(this.#path);
  }

  /** What must be equal for a checkpoint to be resumed. */
  runSignature(): RunSignature {
    const { module, datamodule } = this.#run;
    return { ...module.runSignature?.(), ...datamodule?.runSignature?.(), ...this.#identity?.signature };
  }
}
