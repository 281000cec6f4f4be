import { readdirSync, statSync } from "node:fs";
import { getLogger, parseOptions } from "@classifier-training/base";
import { checkpointExtension, checkpointPaths } from "@classifier-training/runs";
import { checkpointFolders } from "../checkpoint/find.ts";
import { removeLeftOver } from "../checkpoint/write-file.ts";
import { Callback, type MetricUse } from "../core/callback.ts";
import type { CheckpointCallback, LastCheckpoints } from "../core/checkpoint-callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerFn, TrainerView } from "../core/trainer-view.ts";
import type { MetricValues } from "../metrics/logged-values.ts";
import { CheckpointFiles } from "./checkpoint-files.ts";
import { placeholders } from "./checkpoint-name.ts";
import {
  intervalMs,
  type ModelCheckpointOptions,
  modelCheckpointOptionsSchema,
  type ParsedModelCheckpointOptions,
  validateModelCheckpointOptions,
} from "./model-checkpoint-options.ts";
import { SavedCheckpoints } from "./saved-checkpoints.ts";

const log = getLogger("lightning.checkpoint");

/** What a folder may hold beside checkpoints. */
const ownNotes: readonly string[] = [checkpointPaths.runs, checkpointPaths.decisions];

/** Saves the run while it trains: the best by a metric, the latest, or both. */
export class ModelCheckpoint extends Callback implements CheckpointCallback {
  static checkpointJoinChar = "-";
  static checkpointEqualsChar = "=";
  static checkpointNameLast = "last";
  static fileExtension: string = checkpointExtension;
  static startingVersion = 1;

  readonly options: ParsedModelCheckpointOptions;
  readonly #everyNTrainSteps: number;
  readonly #everyNEpochs: number;
  readonly #intervalMs: number | null;
  readonly #files: CheckpointFiles;
  readonly #saved: SavedCheckpoints;
  /** By the clock, when the interval of `trainTimeInterval` began. */
  #lastTime: number | undefined;
  /** A save was due when the metric was not there yet: it is made after validation. */
  #deferred = false;

  constructor(options: ModelCheckpointOptions = {}) {
    super();
    this.options = parseOptions("ModelCheckpoint", modelCheckpointOptionsSchema, options);
    const { everyNTrainSteps, everyNEpochs, trainTimeInterval } = this.options;
    const nothingSet = everyNTrainSteps === null && everyNEpochs === null && trainTimeInterval === null;
    this.#everyNEpochs = everyNEpochs ?? (nothingSet ? 1 : 0);
    this.#everyNTrainSteps = everyNTrainSteps ?? 0;
    this.#intervalMs = trainTimeInterval === null ? null : intervalMs(trainTimeInterval);
    this.#files = new CheckpointFiles(this.options, this.constructor as typeof ModelCheckpoint);
    this.#saved = new SavedCheckpoints(this.options, this.#files, this);
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

  /** The folder; null until `setup` where the options do not name it. */
  get dirpath(): string | null {
    return this.#files.folder;
  }
  set dirpath(folder: string | null) {
    this.#files.folder = folder;
  }
  get bestModelPath(): string {
    return this.#saved.bestModelPath;
  }
  get bestModelScore(): number | null {
    return this.#saved.best.bestScore;
  }
  get bestKModels(): ReadonlyMap<string, number> {
    return this.#saved.best.scores;
  }
  get kthBestModelPath(): string {
    return this.#saved.best.kthPath;
  }
  get lastModelPath(): string {
    return this.#saved.lastModelPath;
  }
  get lastSavedAt(): number | undefined {
    return this.#saved.lastSavedAt;
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
    this.dirpath = this.#files.folderOf(trainer);
    if (stage !== "fit") return;
    // A format that does not fit is found here, and not with the first save.
    const fields = placeholders(this.options.filename).filter((name) => name !== "epoch" && name !== "step");
    this.formatCheckpointName(Object.fromEntries(fields.map((name) => [name, 0.5])));
    if (!trainer.isGlobalZero) return;
    // What a killed run left half written may be in the folder of another metric's value, where this one never writes.
    for (const folder of checkpointFolders(this.dirpath)) removeLeftOver(folder);
    if (this.options.saveTopK === 0 || trainer.ckptPath !== undefined) return;
    const isFolder = statSync(this.dirpath, { throwIfNoEntry: false })?.isDirectory() === true;
    if (isFolder && readdirSync(this.dirpath).some((name) => !ownNotes.includes(name))) {
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
      if (!validationIsNext) await this.#saved.saveLast(trainer, metrics, false);
      return;
    }
    if (this.#saved.lastGlobalStepSaved === trainer.globalStep) return;
    const saved = await this.#saved.saveTopK(trainer, metrics);
    await this.#saved.saveLast(trainer, metrics, saved);
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
    const isDue = this.#deferred || (isEpochDue && this.#saved.lastGlobalStepSaved !== trainer.globalStep);
    const { monitor } = this.options;
    const isStale =
      monitor !== null &&
      !this.#isMeasured(trainer, metrics) &&
      (monitor in metrics || (this.#deferred && !isEpochDue));
    if (mayBeBest) this.#deferred = isDue && isStale;
    const saved = mayBeBest && isDue && !isStale && (await this.#saved.saveTopK(trainer, metrics));
    await this.#saved.saveLast(trainer, metrics, saved);
  }

  override async onTrainEnd(trainer: TrainerView): Promise<void> {
    if (this.#saves(trainer) && this.#saved.lastHolds !== trainer.globalStep)
      await this.#saved.saveLast(trainer, this.#candidates(trainer), false);
  }

  override async onException(trainer: TrainerView): Promise<void> {
    if (!this.options.saveOnException || trainer.fastDevRun !== false || trainer.sanityChecking) return;
    if (this.#saved.lastGlobalStepSaved === trainer.globalStep) return;
    const metrics = this.#candidates(trainer);
    const path = this.formatCheckpointName(metrics);
    await this.#saved.save(trainer, path, {});
    await this.#saved.saveLast(trainer, metrics, true);
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

  // --- What the trainer asks ---

  findLast(trainer: TrainerView): LastCheckpoints {
    return this.#files.findLast(trainer);
  }

  saveNow(trainer: TrainerView, onDone?: (error: unknown) => void): Promise<string> {
    return this.#saved.saveNow(trainer, () => this.#candidates(trainer), onDone);
  }

  get saveEveryMs(): number | null {
    const { saveLast, checkpointEveryMinutes } = this.options;
    return saveLast === false || !checkpointEveryMinutes ? null : checkpointEveryMinutes * 60_000;
  }

  get keepsLast(): boolean {
    return Boolean(this.options.saveLast);
  }

  /** The file name for metrics by a template, by default the option's. */
  formatCheckpointName(
    metrics: Readonly<MetricValues>,
    filename: string | null = this.options.filename,
    version?: number,
  ): string {
    return this.#files.path(metrics, filename, version);
  }

  #candidates(trainer: TrainerView): MetricValues {
    const metrics: MetricValues = { ...trainer.callbackMetrics };
    metrics["epoch"] = Math.trunc(metrics["epoch"] ?? trainer.currentEpoch);
    metrics["step"] = Math.trunc(metrics["step"] ?? trainer.globalStep);
    return metrics;
  }

  override stateDict(): Record<string, unknown> {
    return { ...this.#saved.stateDict(), deferred: this.#deferred };
  }

  override loadStateDict(saved: Record<string, unknown>): void {
    this.#files.isResumed = true;
    if (this.#saved.loadStateDict(saved)) this.#deferred = saved["deferred"] === true;
  }
}
