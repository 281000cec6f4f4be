import { getLogger } from "@classifier-training/base";
import type { SaveOptions, TrainerView } from "../core/trainer-view.ts";
import type { CheckpointSource } from "../loggers/logger.ts";
import type { MetricValues } from "../metrics/logged-values.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import { BestK } from "./best-k.ts";
import { type CheckpointFiles, relocated } from "./checkpoint-files.ts";
import type { ParsedModelCheckpointOptions } from "./model-checkpoint-options.ts";

const log = getLogger("lightning.checkpoint");

/** The checkpoints that a ModelCheckpoint has written: the best by its metric (or the newest), and the last. */
export class SavedCheckpoints {
  readonly best: BestK;
  lastModelPath = "";
  /** The step of the newest of the best. */
  lastGlobalStepSaved = 0;
  /** The step whose state is in the last checkpoint. */
  lastHolds = 0;
  /** By the clock, when the last checkpoint was written. */
  lastSavedAt: number | undefined;
  readonly #options: ParsedModelCheckpointOptions;
  readonly #files: CheckpointFiles;
  readonly #source: CheckpointSource;
  #bestWithoutMonitor = "";
  /** The latest of these that is on disk for sure. */
  #writtenWithoutMonitor = "";
  #lastCheckpointSaved = "";

  /** @param source the callback, for loggers that keep checkpoints */
  constructor(options: ParsedModelCheckpointOptions, files: CheckpointFiles, source: CheckpointSource) {
    this.#options = options;
    this.#files = files;
    this.#source = source;
    this.best = new BestK(options.mode, options.saveTopK);
  }

  get bestModelPath(): string {
    return this.#options.monitor === null ? this.#bestWithoutMonitor : this.best.bestPath;
  }

  /** Saves where the metrics are among the best. @returns whether it has saved anything */
  async saveTopK(trainer: TrainerView, metrics: MetricValues): Promise<boolean> {
    const { saveTopK, monitor } = this.#options;
    if (saveTopK === 0) return false;
    if (monitor === null) {
      await this.#saveWithoutMonitor(trainer, metrics);
      return true;
    }
    const current = Object.hasOwn(metrics, monitor) ? metrics[monitor] : undefined;
    if (current === undefined) {
      const what =
        `\`ModelCheckpoint(monitor='${monitor}')\` could not find the monitored key in the returned metrics: ` +
        `${Object.keys(metrics).join(", ")}.`;
      if (trainer.validationHasRun) throw new MisconfigurationError(what, `log('${monitor}', value) in the module`);
      log.warnOnce(what);
      return false;
    }
    if (!trainer.strategy.reduceDecision(this.best.accepts(current), "all")) {
      if (this.#options.verbose) log.info(`${placeOf(metrics)}: '${monitor}' was not in top ${saveTopK}`);
      return false;
    }
    await this.#saveBest(trainer, metrics, current, monitor);
    return true;
  }

  async #saveWithoutMonitor(trainer: TrainerView, metrics: MetricValues): Promise<void> {
    const previous = this.#bestWithoutMonitor;
    const path = this.#freePath(trainer, metrics, previous);
    this.#bestWithoutMonitor = path;
    const replaces = this.#options.saveTopK === 1 && this.#files.mayRemove(trainer, previous, path) ? [previous] : [];
    await this.save(trainer, path, { replaces }, (saved) => {
      if (saved) this.#writtenWithoutMonitor = path;
      else if (this.#bestWithoutMonitor === path) this.#bestWithoutMonitor = this.#writtenWithoutMonitor;
    });
  }

  async #saveBest(trainer: TrainerView, metrics: MetricValues, current: number, monitor: string): Promise<void> {
    const evicted = this.best.evict();
    const path = this.#freePath(trainer, metrics, evicted?.path ?? "");
    const file = this.best.add(path, current, evicted);
    const { score } = file;
    if (this.#options.verbose) {
      const best = (this.best.bestScore ?? Number.NaN).toFixed(5);
      log.info(
        `${placeOf(metrics)}: '${monitor}' reached ${score.toFixed(5)} (best ${best}), saving model to '${path}' as top ${this.#options.saveTopK}`,
      );
    }
    const remove = evicted !== undefined && this.#files.mayRemove(trainer, evicted.path, path);
    const settle = (saved: boolean) => {
      if (!saved) {
        this.best.undo(file);
        return;
      }
      const left = this.best.confirm(file);
      if (left !== undefined && this.#files.mayRemove(trainer, left, path))
        trainer.removeCheckpoint(left, this.#files.folder ?? "");
    };
    const replaces = remove ? [evicted.path] : [];
    await this.save(trainer, path, { replaces, monitor: { name: monitor, value: score } }, settle);
  }

  /** @param saved whether the best was saved a moment ago: one snapshot then serves both files */
  async saveLast(trainer: TrainerView, metrics: MetricValues, saved: boolean): Promise<void> {
    const { saveLast, saveWeightsOnly: weightsOnly } = this.#options;
    if (!saveLast) return;
    const path = this.#lastPath(trainer, metrics);
    const previous = this.lastModelPath;
    this.lastModelPath = path;
    const replaces = this.#files.mayRemove(trainer, previous, path) ? [previous] : [];
    this.#keptLast(trainer);
    if (saveLast === "link" && saved) {
      trainer.linkCheckpoint(this.#lastCheckpointSaved, path);
      for (const old of replaces) trainer.removeCheckpoint(old, this.#files.folder ?? "");
      return;
    }
    await trainer.saveCheckpoint(path, { replaces, sameTensors: saved, weightsOnly, onDone: this.#report(trainer) });
  }

  /** Saves the run as it stands where `ckptPath: "last"` finds it. @returns the file, once the snapshot is taken */
  async saveNow(trainer: TrainerView, metrics: () => MetricValues, onDone?: (error: unknown) => void): Promise<string> {
    const path = this.#files.ownLast(trainer) ?? this.#lastPath(trainer, metrics());
    if (this.#options.saveLast) this.lastModelPath = path;
    this.#keptLast(trainer);
    await trainer.saveCheckpoint(path, onDone === undefined ? {} : { onDone });
    return path;
  }

  #keptLast(trainer: TrainerView): void {
    this.lastHolds = trainer.globalStep;
    this.lastSavedAt = performance.now();
  }

  async save(
    trainer: TrainerView,
    path: string,
    options: Pick<SaveOptions, "replaces" | "monitor">,
    settle?: (saved: boolean) => void,
  ): Promise<void> {
    // Counted before the snapshot: the state that goes into the file says so too.
    this.lastGlobalStepSaved = trainer.globalStep;
    this.#lastCheckpointSaved = path;
    const weightsOnly = this.#options.saveWeightsOnly;
    await trainer.saveCheckpoint(path, { ...options, weightsOnly, onDone: this.#report(trainer, settle) });
  }

  #report(trainer: TrainerView, settle?: (saved: boolean) => void): (error: unknown) => void {
    return (error) => {
      settle?.(error === undefined);
      if (error === undefined) for (const logger of trainer.loggers) logger.afterSaveCheckpoint?.(this.#source);
    };
  }

  #freePath(trainer: TrainerView, metrics: MetricValues, replaced: string): string {
    return this.#files.freePath(trainer, metrics, this.#options.filename, replaced, this.#isKept);
  }

  #lastPath(trainer: TrainerView, metrics: MetricValues): string {
    return this.#files.lastPath(trainer, metrics, this.lastModelPath, this.#isKept);
  }

  readonly #isKept = (path: string): boolean => this.best.scores.has(path);

  // --- State ---

  stateDict(): Record<string, unknown> {
    return {
      monitor: this.#options.monitor,
      bestModelPath: this.bestModelPath,
      dirpath: this.#files.folder,
      best: this.best.stateDict(),
      lastModelPath: this.lastModelPath,
      lastGlobalStepSaved: this.lastGlobalStepSaved,
      lastHolds: this.lastHolds,
      lastCheckpointSaved: this.#lastCheckpointSaved,
    };
  }

  /** @returns false when the folder is another one now: only the best file's path is then taken */
  loadStateDict(saved: Record<string, unknown>): boolean {
    const { folder } = this.#files;
    const state = relocated(saved, folder);
    const { dirpath, best } = state;
    const bestModelPath = String(state["bestModelPath"] ?? "");
    const isSameFolder = dirpath === folder;
    if (isSameFolder) {
      this.best.loadStateDict(best as ReturnType<BestK["stateDict"]>);
      const forgotten = this.best.trim();
      if (forgotten.length > 0)
        log.warning(
          `saveTopK is ${this.#options.saveTopK} now: ${forgotten.join(", ")} stay, and are not replaced any more`,
        );
      this.lastModelPath = String(state["lastModelPath"] ?? "");
      this.lastGlobalStepSaved = Number(state["lastGlobalStepSaved"] ?? 0);
      this.lastHolds = Number(state["lastHolds"] ?? 0);
      this.#lastCheckpointSaved = String(state["lastCheckpointSaved"] ?? "");
    } else {
      log.warning(
        `The dirpath has changed from '${String(dirpath)}' to '${folder}', therefore only \`bestModelPath\` is reloaded.`,
      );
    }
    this.#bestWithoutMonitor = bestModelPath;
    this.#writtenWithoutMonitor = bestModelPath;
    if (this.#options.monitor !== null && this.best.bestPath === "") this.best.bestPath = bestModelPath;
    return isSameFolder;
  }
}

function placeOf(metrics: MetricValues): string {
  return `Epoch ${metrics["epoch"]}, global step ${metrics["step"]}`;
}
