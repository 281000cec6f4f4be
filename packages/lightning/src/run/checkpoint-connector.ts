import { randomUUID } from "node:crypto";
import { isAbsolute, resolve } from "node:path";
import { getLogger } from "@classifier-training/base";
import { keep, type Tensor } from "@classifier-training/torch";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { findAll, loadNewest } from "../checkpoint/find.ts";
import type { CheckpointSummary } from "../checkpoint/format.ts";
import { loadCheckpoint, summaryOf } from "../checkpoint/load.ts";
import { gatherRanks, ownState } from "../checkpoint/rank-state.ts";
import { checkFingerprint, type Fingerprint, type RunIdentity } from "../checkpoint/run-signature.ts";
import type { Callback } from "../core/callback.ts";
import type { TrainerFn, TrainerView } from "../core/trainer-view.ts";
import { isDistributed } from "../strategies/strategy.ts";
import { LightningError } from "../utilities/errors.ts";
import { refuseNonFiniteWeights } from "../utilities/finite.ts";
import { loadSchedules } from "./configured.ts";
import { findMetrics } from "./module-metrics.ts";
import { captureRng, restoreRng } from "./rng.ts";
import type { RunContext } from "./run-context.ts";

const log = getLogger("lightning.checkpoint");

/** A checkpoint callback, as `ckptPath` needs it. */
export interface CheckpointFinder {
  readonly bestModelPath: string;
  findLast(): LastCheckpoints;
}

/** Candidates for "last", the newest first, and where all files of the callback are. */
export interface LastCheckpoints {
  readonly last: readonly string[];
  readonly folder: string;
  readonly extension: string;
}

/** What the trainer asks of a callback that keeps checkpoints. */
export interface CheckpointKeeper {
  readonly bestModelPath: string;
  findLast(trainer: TrainerView): LastCheckpoints;
  /** Whether it keeps a last checkpoint anyway: its folder is then the one to save an interrupted run in. */
  readonly keepsLast: boolean;
  /** How old the last checkpoint may get in the middle of an epoch, in milliseconds; null for any age. */
  readonly saveEveryMs: number | null;
  /** By the clock (`performance.now()`), when the last checkpoint was written. */
  readonly lastSavedAt: number | undefined;
  /** Saves the run as it stands where `findLast` finds it. @returns the file, once the snapshot is taken */
  saveNow(trainer: TrainerView, onDone?: (error: unknown) => void): Promise<string>;
}

export function isCheckpointKeeper(callback: Callback): callback is Callback & CheckpointKeeper {
  const { findLast, saveNow } = callback as Partial<CheckpointKeeper>;
  return typeof findLast === "function" && typeof saveNow === "function";
}

interface Choice {
  readonly path: string | undefined;
  readonly runId: string;
  readonly continuedRuns: readonly string[];
}

/** Makes checkpoints of a run, and puts a run where a checkpoint says. */
export class CheckpointConnector {
  readonly #run: RunContext;
  #loaded: Checkpoint | undefined;
  #path: string | undefined;
  #identity: RunIdentity | undefined;
  #runId: string;
  continuedRuns: readonly string[] = [];
  resumedStep = 0;
  /** Training batches of all epochs that were done when this call began. */
  resumedBatches = 0;

  constructor(run: RunContext) {
    this.#run = run;
    // What a trial leaves behind (Lightning saves a last checkpoint there too) is nothing to go on from.
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
   * Loads the file that `ckptPath` stands for: null, "last", "best" or a path.
   * @throws LightningError when there is none (except for "last", which then starts from scratch) or it is damaged
   */
  async select(
    fn: TrainerFn,
    ckptPath: string | null,
    modelProvided: boolean,
    keepers: readonly CheckpointFinder[],
  ): Promise<void> {
    this.#path = undefined;
    this.#loaded = undefined;
    this.resumedBatches = this.#run.progress.totalBatches;
    const { strategy } = this.#run;
    if (strategy.globalRank === 0) this.#choose(fn, ckptPath, modelProvided, keepers);
    if (!isDistributed(strategy)) return;
    // Rank 0 decides: a folder may change while the ranks look into it.
    const { runId, continuedRuns } = this;
    const [chosen] = (await strategy.allGather({ path: this.#path, runId, continuedRuns })) as [Choice];
    if (strategy.globalRank > 0 && chosen.path !== undefined) this.#load(chosen.path);
    this.#runId = chosen.runId;
    this.continuedRuns = chosen.continuedRuns;
  }

  #choose(fn: TrainerFn, ckptPath: string | null, modelProvided: boolean, keepers: readonly CheckpointFinder[]): void {
    let wanted = ckptPath;
    if (wanted === null) {
      if (modelProvided) return;
      log.warning(
        `.${fn}() was called without a model: the best model of the previous fit is used; ` +
          `pass ckptPath "best" or "last" to say so`,
      );
      wanted = "best";
    }
    if (wanted === "last") this.#selectLast(fn, keepers);
    else if (wanted === "best") this.#load(bestPath(fn, keepers, this.#run.options.fastDevRun !== false));
    else this.#load(isAbsolute(wanted) ? wanted : resolve(wanted));
    const loaded = this.#loaded as Checkpoint | undefined;
    if (loaded === undefined) return;
    log.info(`Restoring states from the checkpoint at ${this.#path}`);
    // An explicit file starts a branch: what others wrote after it is theirs.
    if (fn === "fit" && wanted === "last")
      this.continuedRuns = [...new Set([loaded.runId, ...(loaded.continuedRuns ?? [])])];
  }

  #load(path: string): void {
    this.#loaded = loadCheckpoint(path);
    this.#path = path;
  }

  #selectLast(fn: TrainerFn, keepers: readonly CheckpointFinder[]): void {
    const found = keepers.map((keeper) => keeper.findLast());
    // What a trial left behind is nothing to go on from; weights alone are not enough for training.
    const accepts = (summary: CheckpointSummary) =>
      summary.runId !== fastDevRunId && (fn !== "fit" || (this.#identity?.resumes(summary) ?? true));
    const usable = (summary: CheckpointSummary) => accepts(summary) && (fn !== "fit" || !summary.weightsOnly);
    const all = found.flatMap((each) => each.last).map((path) => ({ path, summary: summaryOf(path) }));
    // One without a summary is damaged, which loading it will say.
    const last = all.filter(({ summary }) => summary === undefined || usable(summary)).map(({ path }) => path);
    const others = () => found.flatMap(({ folder, extension }) => findAll(folder, extension));
    const newest = loadNewest(last, others, usable);
    const weightsOnly = all.find(({ summary }) => summary?.weightsOnly === true && accepts(summary));
    if (newest === undefined && weightsOnly !== undefined) {
      this.#load(weightsOnly.path);
      return;
    }
    if (newest === undefined) log.info(`.${fn}(ckptPath: "last"): there is no checkpoint yet, starting from scratch`);
    this.#loaded = newest?.checkpoint;
    this.#path = newest?.path;
  }

  // --- Restoring, in Lightning's order ---

  /** Weights, callbacks and data: before the optimizers exist. */
  async restoreModel(): Promise<void> {
    const checkpoint = this.#loaded;
    const path = this.#path;
    if (checkpoint === undefined || path === undefined) return;
    const { module, datamodule, hooks, state, callbacks } = this.#run;
    const fitting = state.fn === "fit";
    if (fitting && this.#identity === undefined) checkFingerprint(checkpoint.fingerprint, this.#fingerprint(), path);
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

  // --- Making ---

  #fingerprint(): Fingerprint {
    const { module, datamodule } = this.#run;
    return { ...module.fingerprint?.(), ...datamodule?.fingerprint?.(), ...this.#identity?.signature };
  }

  async dump(weightsOnly: boolean): Promise<Checkpoint> {
    const { module, datamodule, callbacks, optimization, precision, progress, log: logging, hooks } = this.#run;
    const checkpoint: Checkpoint = {
      epoch: progress.save().epoch,
      globalStep: progress.optimizerSteps,
      stateDict: module.stateDict(),
      runId: this.runId,
      continuedRuns: this.continuedRuns,
      fingerprint: this.#fingerprint(),
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

  summarize(checkpoint: Checkpoint, weightsOnly: boolean, monitor: CheckpointSummary["monitor"]): CheckpointSummary {
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
      fingerprint: checkpoint.fingerprint,
    };
  }
}

/** The id in what a trial leaves behind. */
export const fastDevRunId = "fast-dev-run";

function bestPath(fn: TrainerFn, keepers: readonly CheckpointFinder[], fastDevRun: boolean): string {
  const [keeper] = keepers;
  const call = `.${fn}(ckptPath: "best")`;
  if (keepers.length > 1) log.warning(`${call}: there are several checkpoint callbacks, the first one's best is used`);
  if (keeper === undefined) throw noBest(`${call} is set but \`ModelCheckpoint\` is not configured.`);
  if (keeper.bestModelPath !== "") return keeper.bestModelPath;
  if (fastDevRun) throw noBest(`You cannot execute ${call} with fastDevRun: it saves no checkpoints.`);
  throw noBest(`${call} is set but \`ModelCheckpoint\` is not configured to save the best model.`);
}

function noBest(what: string): LightningError {
  return new LightningError({
    code: "checkpoint/no-best",
    what,
    fix: "give the path of a checkpoint, or fit with a ModelCheckpoint first",
  });
}
