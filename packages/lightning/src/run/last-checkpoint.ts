import { join } from "node:path";
import { CtError, getLogger } from "@classifier-training/base";
import { checkpointPaths, runPaths } from "@classifier-training/runs";
import { scope } from "@classifier-training/torch";
import type { CheckpointIO } from "../checkpoint/io.ts";
import type { Callback } from "../core/callback.ts";
import { isCheckpointCallback } from "../core/checkpoint-callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerView } from "../core/trainer-view.ts";
import { isDistributed, type Strategy } from "../strategies/strategy.ts";
import { nonFiniteWeight } from "../utilities/finite.ts";
import { tensorBytes } from "../utilities/tensor-trees.ts";
import type { CheckpointConnector } from "./checkpoint-connector.ts";
import type { CheckpointWriter } from "./checkpoint-writer.ts";
import type { Optimization } from "./optimization.ts";
import type { Progress } from "./progress.ts";
import type { ResolvedOptions } from "./resolved-options.ts";
import { TrainingInterrupted } from "./signal-connector.ts";

const log = getLogger("lightning.trainer");

/** Small tensors that nobody counts: generators, counters, metrics. */
const slackBytes = 1 << 20;

/** What it needs of a run. */
interface Run {
  readonly options: ResolvedOptions;
  readonly module: LightningModule;
  readonly callbacks: readonly Callback[];
  readonly progress: Progress;
  readonly strategy: Strategy;
  readonly optimization: Optimization;
  readonly checkpoints: CheckpointConnector;
  readonly writer: CheckpointWriter;
  readonly io: CheckpointIO;
}

/** The checkpoint that `ckptPath: "last"` finds: written by time, when it is asked for, and when a run ends early. */
export class LastCheckpoint {
  readonly #run: Run;
  readonly #trainer: TrainerView;
  /** Whether it is older than it may be in the middle of an epoch. */
  isDue = (): boolean => false;

  constructor(run: Run, trainer: TrainerView) {
    this.#run = run;
    this.#trainer = trainer;
  }

  /** The callback in whose folder it is: undefined where there is none. */
  get #callback() {
    const callbacks = this.#run.callbacks.filter(isCheckpointCallback);
    return callbacks.find(({ keepsLast }) => keepsLast) ?? callbacks[0];
  }

  /** Counts its age from now on. */
  startClock(): void {
    const begin = performance.now();
    const callback = this.#callback;
    const everyMs = this.#run.options.fastDevRun === false ? (callback?.saveEveryMs ?? null) : null;
    this.isDue = () => everyMs !== null && performance.now() - Math.max(begin, callback?.lastSavedAt ?? 0) >= everyMs;
  }

  /** Makes memory for checkpoints ready while training continues, if any are going to be saved. */
  prepare(): void {
    const { callbacks, options, io } = this.#run;
    if (callbacks.some(isCheckpointCallback) && options.fastDevRun === false) io.prepare(this.#estimatedBytes());
  }

  /** About how many bytes of tensors a checkpoint has, once optimizers have a state. No hook such as `stateDict` is called. */
  #estimatedBytes(): number {
    const { module, optimization, callbacks } = this.#run;
    const own = scope(() =>
      [new Map(module.stateEntries()), ...optimization.optimizers.map((optimizer) => optimizer.stateDict())].map(
        tensorBytes,
      ),
    );
    const added = callbacks.map((callback) => callback.checkpointBytes?.(module) ?? 0);
    return [...own, ...added].reduce((sum, bytes) => sum + bytes, slackBytes);
  }

  /** Saves the run as it stands; the file is written while training continues. */
  async saveByTime(): Promise<void> {
    log.debug(`saving the run by time to ${await this.#callback?.saveNow(this.#trainer)}`);
  }

  /** Saves the run as it stands, and waits for the file. */
  async save(): Promise<void> {
    const { options, strategy, writer, io } = this.#run;
    if (!options.enableCheckpointing || options.fastDevRun !== false) return;
    let failure: unknown;
    const onDone = (error: unknown) => {
      failure = error;
    };
    const callback = this.#callback;
    const path =
      callback === undefined
        ? join(options.defaultRootDir, runPaths.checkpoints, checkpointPaths.last)
        : await callback.saveNow(this.#trainer, onDone);
    if (callback === undefined) await writer.save(path, { onDone });
    await io.flush();
    if (failure !== undefined) throw failure;
    if (strategy.globalRank === 0) log.info(`saved the run to ${path}`);
  }

  /** Saves a run that ends early, whatever ended it, unless nothing could be resumed from its state. */
  async saveAfter(error: unknown): Promise<void> {
    // The checkpoint before it is what one resumes from.
    if (CtError.is(error) && error.code === "lightning/diverged") return;
    const interrupted = error instanceof TrainingInterrupted;
    const { progress, strategy, module, options, checkpoints, io } = this.#run;
    if (!options.enableCheckpointing || options.fastDevRun !== false) return;
    if (!interrupted && progress.totalBatches === checkpoints.resumedBatches) return;
    await io.flush();
    const newest = () => {
      const path = this.#callback?.findLast(this.#trainer).last[0];
      return path === undefined ? "there is no checkpoint to resume from" : `${path} is the newest checkpoint`;
    };
    const refuse = (why: string) => log.warning(`the run as it stood is not saved: ${why}; ${newest()}`);
    if (!interrupted && isDistributed(strategy)) return refuse("after an error the ranks are not at the same place");
    if (progress.phase === "inBatch")
      return refuse("the error came after the optimizer's step and before the batch's end");
    const bad = interrupted ? undefined : nonFiniteWeight(module.stateDict(), () => true);
    if (bad !== undefined) return refuse(`${bad} is not finite`);
    try {
      await this.save();
    } catch (failure) {
      log.error(`the run as it stood could not be saved: ${(failure as Error).message}; ${newest()}`);
    }
  }
}
