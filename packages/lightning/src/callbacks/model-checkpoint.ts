import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { expandHome, getLogger, parseOptions } from "@classifier-training/base";
import { checkpointExtension, checkpointPaths, runPaths } from "@classifier-training/runs";
import { checkpointFolders, findLast } from "../checkpoint/find.ts";
import { summaryOf } from "../checkpoint/load.ts";
import { removeLeftOver } from "../checkpoint/write-file.ts";
import { Callback, type MetricUse } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { SaveOptions, TrainerFn, TrainerView } from "../core/trainer-view.ts";
import type { MetricValues } from "../metrics/logged-values.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import { BestK } from "./best-k.ts";
import { formatCheckpointName, placeholders } from "./checkpoint-name.ts";
import {
  intervalMs,
  type ModelCheckpointOptions,
  modelCheckpointOptionsSchema,
  type ParsedModelCheckpointOptions,
  validateModelCheckpointOptions,
} from "./model-checkpoint-options.ts";

const log = getLogger("lightning.checkpoint");

/** Saves the run as it goes on: the best by a metric, the latest, or both. */
export class ModelCheckpoint extends Callback {
  static checkpointJoinChar = "-";
  static checkpointEqualsChar = "=";
  static checkpointNameLast = "last";
  static fileExtension: string = checkpointExtension;
  static startingVersion = 1;

  readonly options: ParsedModelCheckpointOptions;
  readonly #everyNTrainSteps: number;
  readonly #everyNEpochs: number;
  readonly #intervalMs: number | null;
  readonly #best: BestK;
  dirpath: string | null;
  lastModelPath = "";
  #bestWithoutMonitor = "";
  /** The latest of these that is on disk for sure. */
  #writtenWithoutMonitor = "";
  #lastGlobalStepSaved = 0;
  #lastCheckpointSaved = "";
  /** The step whose state is in the last checkpoint. */
  #lastHolds = 0;
  #lastTime: number | undefined;
  /** By the clock, when the last checkpoint was written. */
  lastSavedAt: number | undefined;
  /** A save was due when the metric was not there yet: it is made after validation. */
  #deferred = false;
  /** Whether this run goes on from a checkpoint of this callback. */
  #restored = false;

  constructor(options: ModelCheckpointOptions = {}) {
    super();
    this.options = parseOptions("ModelCheckpoint", modelCheckpointOptionsSchema, options);
    const { dirpath, everyNTrainSteps, everyNEpochs, trainTimeInterval, mode, saveTopK } = this.options;
    this.dirpath = dirpath === null ? null : resolve(expandHome(dirpath));
    const nothingSet = everyNTrainSteps === null && everyNEpochs === null && trainTimeInterval === null;
    this.#everyNEpochs = everyNEpochs ?? (nothingSet ? 1 : 0);
    this.#everyNTrainSteps = everyNTrainSteps ?? 0;
    this.#intervalMs = trainTimeInterval === null ? null : intervalMs(trainTimeInterval);
    this.#best = new BestK(mode, saveTopK);
    validateModelCheckpointOptions(this.options, this.#everyNTrainSteps, this.#everyNEpochs);
  }

  override get order(): "last" {
    return "last";
  }

  override get monitorsMetrics(): boolean {
    return true;
  }

  override get metricUses(): readonly MetricUse[] {
    const { monitor, filename } = this.options;
    const use = (name: string, option: string): MetricUse => ({ name, option, isRequired: "when validated" });
    return [
      ...(monitor === null ? [] : [use(monitor, `ModelCheckpoint(monitor='${monitor}')`)]),
      ...placeholders(filename).map((name) => use(name, `ModelCheckpoint(filename='${filename}')`)),
    ].filter(({ name }) => name !== "epoch" && name !== "step");
  }

  override get stateKey(): string {
    const { monitor, mode, trainTimeInterval } = this.options;
    const key = { monitor, mode, everyNTrainSteps: this.#everyNTrainSteps, everyNEpochs: this.#everyNEpochs };
    return `ModelCheckpoint${JSON.stringify({ ...key, trainTimeInterval })}`;
  }

  // --- What it has saved ---

  get bestModelPath(): string {
    return this.options.monitor === null ? this.#bestWithoutMonitor : this.#best.bestPath;
  }
  get bestModelScore(): number | null {
    return this.#best.bestScore;
  }
  get bestKModels(): ReadonlyMap<string, number> {
    return this.#best.scores;
  }
  get kthBestModelPath(): string {
    return this.#best.kthPath;
  }
  get monitor(): string | null {
    return this.options.monitor;
  }
  get mode(): string {
    return this.options.mode;
  }
  get saveTopK(): number {
    return this.options.saveTopK;
  }

  // --- Hooks ---

  override setup(trainer: TrainerView, _module: LightningModule, stage: TrainerFn): void {
    this.dirpath = this.#folder(trainer);
    if (stage !== "fit") return;
    // A format that does not fit is found here, and not with the first save.
    const fields = placeholders(this.options.filename).filter((name) => name !== "epoch" && name !== "step");
    this.formatCheckpointName(Object.fromEntries(fields.map((name) => [name, 0.5])));
    if (!trainer.isGlobalZero) return;
    // What a killed run left half written may be in the folder of another metric's value, where this one never writes.
    for (const folder of checkpointFolders(this.dirpath)) removeLeftOver(folder);
    if (this.options.saveTopK === 0 || trainer.ckptPath !== undefined) return;
    const isFolder = statSync(this.dirpath, { throwIfNoEntry: false })?.isDirectory() === true;
    if (isFolder && readdirSync(this.dirpath).some((name) => name !== checkpointPaths.runs)) {
      log.warnOnce(`Checkpoint directory ${this.dirpath} exists and is not empty.`);
    }
  }

  override onTrainStart(): void {
    this.#lastTime = performance.now();
  }

  override async onTrainBatchEnd(trainer: TrainerView): Promise<void> {
    const skipBatch = this.#everyNTrainSteps < 1 || trainer.globalStep % this.#everyNTrainSteps !== 0;
    const now = performance.now();
    const isDue = this.#lastTime !== undefined && now - this.#lastTime >= (this.#intervalMs ?? 0);
    // The clocks of several ranks differ, and all save together.
    const skipTime = this.#intervalMs === null || !trainer.strategy.reduceDecision(isDue, "any");
    if (skipBatch && skipTime) return;
    if (!skipTime) this.#lastTime = now;
    const { monitor } = this.options;
    const metrics = this.#candidates(trainer);
    if (!this.#saves(trainer)) return;
    const validationIsNext = this.#validationIsNext(trainer);
    if (monitor !== null && (!this.#isMeasured(trainer, metrics) || validationIsNext)) {
      // The metric is missing, or of other weights: those that the next validation measures are among the candidates.
      this.#deferred = true;
      if (!validationIsNext) await this.#saveLast(trainer, metrics, false);
      return;
    }
    if (this.#lastGlobalStepSaved === trainer.globalStep) return;
    const saved = await this.#saveTopK(trainer, metrics);
    await this.#saveLast(trainer, metrics, saved);
  }

  /** Whether a save was put off until now, when the weights are measured. */
  #hasWaited(trainer: TrainerView): boolean {
    return this.#deferred && this.#isMeasured(trainer, this.#candidates(trainer));
  }

  /** Whether the monitored value is that of the weights that would be saved. */
  #isMeasured(trainer: TrainerView, metrics: MetricValues): boolean {
    const { monitor } = this.options;
    if (monitor === null || !(monitor in metrics)) return false;
    return monitor === "epoch" || monitor === "step" || trainer.isCurrentMetric(monitor);
  }

  #validationIsNext(trainer: TrainerView): boolean {
    if (this.#savesOnTrainEpochEnd(trainer) || !trainer.isLastBatch || !trainer.enableValidation) return false;
    const every = trainer.checkValEveryNEpoch;
    return every === null || (trainer.currentEpoch + 1) % every === 0;
  }

  override async onValidationEnd(trainer: TrainerView): Promise<void> {
    if (!this.#saves(trainer)) return;
    const atEpochEnd = this.#savesOnTrainEpochEnd(trainer);
    // The end of the epoch is near, and what callbacks decide there belongs to the state.
    const waited = this.#hasWaited(trainer);
    if (!atEpochEnd || !trainer.isLastBatch || waited) await this.#saveForValidation(trainer, !atEpochEnd || waited);
  }

  override async onTrainEpochEnd(trainer: TrainerView): Promise<void> {
    if (!this.#saves(trainer)) return;
    const atEpochEnd = this.#savesOnTrainEpochEnd(trainer);
    const waited = this.#hasWaited(trainer);
    if (atEpochEnd || waited || !trainer.enableValidation) await this.#saveForValidation(trainer, atEpochEnd || waited);
  }

  /** @param mayBeBest whether the best are chosen here */
  async #saveForValidation(trainer: TrainerView, mayBeBest: boolean): Promise<void> {
    const metrics = this.#candidates(trainer);
    const isEpochDue = this.#everyNEpochs >= 1 && (trainer.currentEpoch + 1) % this.#everyNEpochs === 0;
    const isDue = this.#deferred || (isEpochDue && this.#lastGlobalStepSaved !== trainer.globalStep);
    const { monitor } = this.options;
    const isStale =
      monitor !== null &&
      !this.#isMeasured(trainer, metrics) &&
      (monitor in metrics || (this.#deferred && !isEpochDue));
    if (mayBeBest) this.#deferred = isDue && isStale;
    const saved = mayBeBest && isDue && !isStale && (await this.#saveTopK(trainer, metrics));
    await this.#saveLast(trainer, metrics, saved);
  }

  override async onTrainEnd(trainer: TrainerView): Promise<void> {
    if (this.#saves(trainer) && this.#lastHolds !== trainer.globalStep)
      await this.#saveLast(trainer, this.#candidates(trainer), false);
  }

  override async onException(trainer: TrainerView): Promise<void> {
    if (!this.options.saveOnException || trainer.fastDevRun !== false || trainer.sanityChecking) return;
    if (this.#lastGlobalStepSaved === trainer.globalStep) return;
    const metrics = this.#candidates(trainer);
    const path = this.formatCheckpointName(metrics);
    await this.#save(trainer, path, {});
    await this.#saveLast(trainer, metrics, true);
    log.info(`saved the run as it was to ${path}`);
  }

  #saves(trainer: TrainerView): boolean {
    return trainer.fastDevRun === false && trainer.fn === "fit" && !trainer.sanityChecking;
  }

  #savesOnTrainEpochEnd(trainer: TrainerView): boolean {
    if (this.options.saveOnTrainEpochEnd !== null) return this.options.saveOnTrainEpochEnd;
    if (trainer.checkValEveryNEpoch !== 1 || trainer.validatesByTime) return false;
    const validates = trainer.enableValidation && trainer.numValBatches.some((count) => count > 0);
    return !validates || trainer.validatesAtEpochEnd;
  }

  // --- Saving ---

  /** @returns whether it has saved anything */
  async #saveTopK(trainer: TrainerView, metrics: MetricValues): Promise<boolean> {
    const { saveTopK, monitor } = this.options;
    if (saveTopK === 0) return false;
    if (monitor === null) {
      const path = this.#versioned(trainer, metrics, this.#bestWithoutMonitor);
      const previous = this.#bestWithoutMonitor;
      this.#bestWithoutMonitor = path;
      const replaces = saveTopK === 1 && this.#mayRemove(trainer, previous, path) ? [previous] : [];
      await this.#save(trainer, path, { replaces }, (saved) => {
        if (saved) this.#writtenWithoutMonitor = path;
        else if (this.#bestWithoutMonitor === path) this.#bestWithoutMonitor = this.#writtenWithoutMonitor;
      });
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
    if (!trainer.strategy.reduceDecision(this.#best.accepts(current), "all")) {
      if (this.options.verbose) log.info(`${this.#where(metrics)}: '${monitor}' was not in top ${saveTopK}`);
      return false;
    }
    await this.#saveBest(trainer, metrics, current, monitor);
    return true;
  }

  async #saveBest(trainer: TrainerView, metrics: MetricValues, current: number, monitor: string): Promise<void> {
    const evicted = this.#best.evict();
    const path = this.#versioned(trainer, metrics, evicted?.path ?? "");
    const file = this.#best.add(path, current, evicted);
    const { score } = file;
    if (this.options.verbose) {
      const best = (this.#best.bestScore ?? Number.NaN).toFixed(5);
      log.info(
        `${this.#where(metrics)}: '${monitor}' reached ${score.toFixed(5)} (best ${best}), saving model to '${path}' as top ${this.options.saveTopK}`,
      );
    }
    const remove = evicted !== undefined && this.#mayRemove(trainer, evicted.path, path);
    const settle = (saved: boolean) => {
      if (!saved) {
        this.#best.undo(file);
        return;
      }
      const left = this.#best.confirm(file);
      if (left !== undefined && this.#mayRemove(trainer, left, path))
        trainer.removeCheckpoint(left, this.dirpath ?? "");
    };
    await this.#save(
      trainer,
      path,
      { replaces: remove ? [evicted.path] : [], monitor: { name: monitor, value: score } },
      settle,
    );
  }

  /** @param saved whether the best was saved a moment ago: one snapshot then serves both files */
  async #saveLast(trainer: TrainerView, metrics: MetricValues, saved: boolean): Promise<void> {
    const { saveLast } = this.options;
    if (!saveLast) return;
    const path = this.#lastPath(trainer, metrics);
    const previous = this.lastModelPath;
    this.lastModelPath = path;
    const replaces = this.#mayRemove(trainer, previous, path) ? [previous] : [];
    this.#keptLast(trainer);
    if (saveLast === "link" && saved) {
      trainer.linkCheckpoint(this.#lastCheckpointSaved, path);
      for (const old of replaces) trainer.removeCheckpoint(old, this.dirpath ?? "");
      return;
    }
    const { saveWeightsOnly: weightsOnly } = this.options;
    await trainer.saveCheckpoint(path, { replaces, sameTensors: saved, weightsOnly, onDone: this.#report(trainer) });
  }

  #keptLast(trainer: TrainerView): void {
    this.#lastHolds = trainer.globalStep;
    this.lastSavedAt = performance.now();
  }

  #lastPath(trainer: TrainerView, metrics: MetricValues): string {
    const { checkpointNameLast, startingVersion } = this.#names;
    let path = this.formatCheckpointName(metrics, checkpointNameLast);
    if (!this.options.enableVersionCounter) return path;
    for (let version = startingVersion; this.#isForeign(trainer, path, this.lastModelPath); version++) {
      path = this.formatCheckpointName(metrics, checkpointNameLast, version);
    }
    return path;
  }

  async #save(
    trainer: TrainerView,
    path: string,
    options: Pick<SaveOptions, "replaces" | "monitor">,
    settle?: (saved: boolean) => void,
  ): Promise<void> {
    // Counted before the snapshot: the state that goes into the file says so too.
    this.#lastGlobalStepSaved = trainer.globalStep;
    this.#lastCheckpointSaved = path;
    const weightsOnly = this.options.saveWeightsOnly;
    await trainer.saveCheckpoint(path, { ...options, weightsOnly, onDone: this.#report(trainer, settle) });
  }

  #report(trainer: TrainerView, settle?: (saved: boolean) => void): (error: unknown) => void {
    return (error) => {
      settle?.(error === undefined);
      if (error === undefined) for (const logger of trainer.loggers) logger.afterSaveCheckpoint?.(this);
    };
  }

  // --- What the trainer asks ---

  findLast(trainer: TrainerView): { last: readonly string[]; folder: string; extension: string } {
    const { checkpointNameLast, fileExtension } = this.#names;
    const folder = this.#folder(trainer);
    return { last: findLast(folder, checkpointNameLast, fileExtension), folder, extension: fileExtension };
  }

  /** Saves the run as it stands where `ckptPath: "last"` finds it. @returns the file, once the snapshot is taken */
  async saveNow(trainer: TrainerView, onDone?: (error: unknown) => void): Promise<string> {
    const path = this.#ownLast(trainer) ?? this.#lastPath(trainer, this.#candidates(trainer));
    if (this.options.saveLast) this.lastModelPath = path;
    this.#keptLast(trainer);
    await trainer.saveCheckpoint(path, onDone === undefined ? {} : { onDone });
    return path;
  }

  get saveEveryMs(): number | null {
    const { saveLast, checkpointEveryMinutes } = this.options;
    return saveLast === false || !checkpointEveryMinutes ? null : checkpointEveryMinutes * 60_000;
  }

  get keepsLast(): boolean {
    return Boolean(this.options.saveLast);
  }

  /** A last checkpoint of this very run, of this callback or another one with the same folder. */
  #ownLast(trainer: TrainerView): string | undefined {
    return this.findLast(trainer).last.find((path) => isOfRun(trainer, summaryOf(path)?.runId));
  }

  // --- Names ---

  get #names(): typeof ModelCheckpoint {
    return this.constructor as typeof ModelCheckpoint;
  }

  /** The file name for metrics by a template, by default the option's. */
  formatCheckpointName(
    metrics: Readonly<MetricValues>,
    filename: string | null = this.options.filename,
    version?: number,
  ): string {
    const { checkpointJoinChar, checkpointEqualsChar, fileExtension } = this.#names;
    const name = formatCheckpointName(filename, metrics, {
      autoInsertMetricName: this.options.autoInsertMetricName,
      join: checkpointJoinChar,
      equals: checkpointEqualsChar,
    });
    const full = `${version === undefined ? name : `${name}${checkpointJoinChar}v${version}`}${fileExtension}`;
    return this.dirpath === null ? full : join(this.dirpath, full);
  }

  #versioned(trainer: TrainerView, metrics: MetricValues, replaced: string): string {
    let path = this.formatCheckpointName(metrics);
    if (!this.options.enableVersionCounter) return path;
    for (let version = this.#names.startingVersion; this.#isForeign(trainer, path, replaced); version++) {
      path = this.formatCheckpointName(metrics, undefined, version);
    }
    return path;
  }

  /** Whether a name is taken by a file that this save does not replace. */
  #isForeign(trainer: TrainerView, path: string, replaced: string): boolean {
    if (path === replaced || !trainer.checkpointExists(path)) return false;
    return !this.#isOwnFuture(trainer, path);
  }

  /** A file that this very run wrote after the point that it was resumed from, before it was killed. */
  #isOwnFuture(trainer: TrainerView, path: string): boolean {
    if (!this.#restored || !existsSync(path) || this.#best.scores.has(path)) return false;
    const summary = summaryOf(path);
    // A damaged file is worth nothing: it can be overwritten.
    if (summary === undefined) return true;
    return isOfRun(trainer, summary.runId) && (summary.globalStep ?? -1) >= trainer.resumedStep;
  }

  #mayRemove(trainer: TrainerView, previous: string, current: string): boolean {
    if (previous === "" || previous === current) return false;
    if (trainer.ckptPath !== undefined && resolve(trainer.ckptPath) === resolve(previous)) return false;
    return resolve(previous).startsWith(`${resolve(this.dirpath ?? "")}/`);
  }

  #folder(trainer: TrainerView): string {
    if (this.dirpath !== null) return this.dirpath;
    const [logger] = trainer.loggers;
    if (logger === undefined) return join(trainer.defaultRootDir, runPaths.checkpoints);
    const { version } = logger;
    const folder = typeof version === "string" ? version : `version_${version ?? 0}`;
    return join(logger.saveDir ?? trainer.defaultRootDir, String(logger.name ?? ""), folder, runPaths.checkpoints);
  }

  #candidates(trainer: TrainerView): MetricValues {
    const metrics: MetricValues = { ...trainer.callbackMetrics };
    metrics["epoch"] = Math.trunc(metrics["epoch"] ?? trainer.currentEpoch);
    metrics["step"] = Math.trunc(metrics["step"] ?? trainer.globalStep);
    return metrics;
  }

  #where(metrics: MetricValues): string {
    return `Epoch ${metrics["epoch"]}, global step ${metrics["step"]}`;
  }

  // --- State ---

  override stateDict(): Record<string, unknown> {
    return {
      monitor: this.options.monitor,
      bestModelPath: this.bestModelPath,
      dirpath: this.dirpath,
      best: this.#best.stateDict(),
      lastModelPath: this.lastModelPath,
      lastGlobalStepSaved: this.#lastGlobalStepSaved,
      lastHolds: this.#lastHolds,
      deferred: this.#deferred,
      lastCheckpointSaved: this.#lastCheckpointSaved,
    };
  }

  override loadStateDict(saved: Record<string, unknown>): void {
    this.#restored = true;
    const state = moved(saved, this.dirpath);
    const { dirpath, best, bestModelPath, lastModelPath } = state;
    if (dirpath === this.dirpath) {
      this.#best.loadStateDict(best as ReturnType<BestK["stateDict"]>);
      const forgotten = this.#best.trim();
      if (forgotten.length > 0)
        log.warning(
          `saveTopK is ${this.options.saveTopK} now: ${forgotten.join(", ")} stay, and are not replaced any more`,
        );
      this.lastModelPath = String(lastModelPath ?? "");
      this.#lastGlobalStepSaved = Number(state["lastGlobalStepSaved"] ?? 0);
      this.#lastHolds = Number(state["lastHolds"] ?? 0);
      this.#deferred = state["deferred"] === true;
      this.#lastCheckpointSaved = String(state["lastCheckpointSaved"] ?? "");
    } else {
      log.warning(
        `The dirpath has changed from '${String(dirpath)}' to '${this.dirpath}', therefore only \`bestModelPath\` is reloaded.`,
      );
    }
    this.#bestWithoutMonitor = String(bestModelPath ?? "");
    this.#writtenWithoutMonitor = this.#bestWithoutMonitor;
    if (this.options.monitor !== null && this.#best.bestPath === "") this.#best.bestPath = String(bestModelPath ?? "");
  }
}

/** Whether an id is that of the trainer's run, or of one that it resumed. */
function isOfRun({ runId, continuedRuns }: TrainerView, id: string | undefined): boolean {
  return id !== undefined && (id === runId || continuedRuns.includes(id));
}

/** The state with its paths in the folder as it is now, when the files have been moved or copied there with it. */
function moved(state: Record<string, unknown>, folder: string | null): Record<string, unknown> {
  const { dirpath: before, bestModelPath, lastModelPath } = state;
  if (typeof before !== "string" || folder === null || before === folder) return state;
  const here = (path: unknown) =>
    typeof path === "string" && path.startsWith(`${before}/`) ? join(folder, path.slice(before.length)) : path;
  const files = [bestModelPath, lastModelPath].filter((path) => typeof path === "string" && path !== "").map(here);
  if (files.length === 0 || !files.every((path) => existsSync(path as string))) return state;
  const relocated = (values: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, here(value)]));
  const best = state["best"] as { readonly scores: ReadonlyMap<string, number> };
  const scores = new Map([...best.scores].map(([path, score]) => [here(path) as string, score]));
  return { ...relocated(state), dirpath: folder, best: { ...relocated({ ...best }), scores } };
}
