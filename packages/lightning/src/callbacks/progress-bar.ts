import { canRedraw, parseOptions } from "@classifier-training/base";
import { z } from "zod";
import { Callback } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerFn, TrainerView } from "../core/trainer-view.ts";
import { ModelCheckpoint } from "./model-checkpoint.ts";
import { bar, clock, inOrder, joinFitting, metricValue, Speed } from "./progress-text.ts";
import { Timer } from "./timer.ts";

export const progressBarOptionsSchema = z.strictObject({
  /** Batches between two updates; 0 shows nothing. */
  refreshRate: z.int().min(0).default(1),
  /** Keep each epoch's line on the screen. */
  leave: z.boolean().default(true),
  /** "auto" shows a bar on a terminal and writes plain lines elsewhere. */
  style: z.enum(["auto", "bar", "plain", "quiet"]).default("auto"),
  /** Seconds between two plain lines within an epoch. */
  plainIntervalS: z.number().positive().default(30),
  /** About so many plain lines of finished epochs, evenly spread over the run; null: one each. */
  plainLines: z.int().positive().nullable().default(null),
});
export type ProgressBarOptions = z.input<typeof progressBarOptionsSchema>;

/** Where a progress bar writes. */
export interface ProgressOutput {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Least time between two updates: a terminal that is updated for each small batch slows training down. */
const redrawMs = 80;

/** Plain lines are as long as those of logs. */
const plainColumns = 80;

/**
 * How far the run is: epoch (from 1) and batches, loss, accuracy, the time left of the run, the best of what the checkpoint
 * callback monitors, images per second, then other metrics and the fraction of time spent waiting for data. What does not fit into a terminal's line is left out from the end.
 */
export class ProgressBar extends Callback {
  readonly options: z.infer<typeof progressBarOptionsSchema>;
  readonly #output: ProgressOutput;
  readonly #style: "bar" | "plain" | "quiet";
  #title = "";
  #total = 0;
  #done = 0;
  #speed = new Speed();
  #lastDrawn = Number.NEGATIVE_INFINITY;
  #lineOpen = false;
  /** How long the last whole epoch took, from its start to the next one's. */
  #epochSeconds: number | undefined;
  #epochBegan: number | undefined;
  #inValidation: { title: string; total: number; done: number } | undefined;

  constructor(options: ProgressBarOptions = {}, output: ProgressOutput = process.stdout) {
    super();
    this.options = parseOptions("ProgressBar", progressBarOptionsSchema, options);
    this.#output = output;
    const { style, refreshRate } = this.options;
    const fitting = canRedraw(output) ? "bar" : "plain";
    this.#style = refreshRate === 0 ? "quiet" : style === "auto" ? fitting : style;
  }

  /** The metrics to show; override it to show others. */
  getMetrics(trainer: TrainerView, _module: LightningModule): Readonly<Record<string, number | string>> {
    return trainer.progressBarMetrics;
  }

  override get reportsOnly(): boolean {
    return true;
  }

  override onTrainEpochStart(trainer: TrainerView): void {
    const now = performance.now();
    if (this.#epochBegan !== undefined) this.#epochSeconds = (now - this.#epochBegan) / 1000;
    this.#epochBegan = now;
    this.#beginEpoch(trainer, 0);
  }

  override onTrainBatchEnd(trainer: TrainerView, module: LightningModule): void {
    // A run resumed within an epoch has no start of it.
    if (this.#title === "") this.#beginEpoch(trainer, trainer.batchIdx + 1);
    this.#done = trainer.batchIdx + 1;
    this.#show(trainer, module, this.#done === this.#total);
  }

  override onTrainEpochEnd(trainer: TrainerView, module: LightningModule): void {
    if (this.#isDue(trainer)) this.#finishLine(trainer, module);
    this.#title = "";
  }

  override onSanityCheckStart(trainer: TrainerView): void {
    this.#begin(trainer, "Sanity check", sum(trainer.numSanityValBatches));
  }
  override onSanityCheckEnd(): void {
    this.#clear();
    this.#title = "";
  }

  override onValidationStart(trainer: TrainerView): void {
    if (trainer.sanityChecking) {
      // The loaders are open by now, and their number of batches is known.
      this.#total = sum(trainer.numSanityValBatches);
      return;
    }
    if (trainer.fn === "fit") {
      this.#inValidation = { title: "validating", total: sum(trainer.numValBatches), done: 0 };
    } else this.#begin(trainer, "Validating", sum(trainer.numValBatches));
  }
  override onValidationBatchEnd(trainer: TrainerView, module: LightningModule): void {
    if (this.#inValidation === undefined) this.#done++;
    else this.#inValidation.done++;
    this.#show(trainer, module, false);
  }
  override onValidationEnd(trainer: TrainerView, module: LightningModule): void {
    this.#inValidation = undefined;
    if (trainer.fn === "fit") return;
    this.#finishLine(trainer, module);
    this.#title = "";
  }

  override onTestStart(trainer: TrainerView): void {
    this.#begin(trainer, "Testing", sum(trainer.numTestBatches));
  }
  override onTestBatchEnd(trainer: TrainerView, module: LightningModule): void {
    this.#done++;
    this.#show(trainer, module, false);
  }
  override onTestEnd(trainer: TrainerView, module: LightningModule): void {
    this.#finishLine(trainer, module);
    this.#title = "";
  }

  override onPredictStart(trainer: TrainerView): void {
    this.#begin(trainer, "Predicting", sum(trainer.numPredictBatches));
  }
  override onPredictBatchEnd(trainer: TrainerView, module: LightningModule): void {
    this.#done++;
    this.#show(trainer, module, false);
  }
  override onPredictEnd(trainer: TrainerView, module: LightningModule): void {
    this.#finishLine(trainer, module);
    this.#title = "";
  }

  override onException(): void {
    this.#closeLine();
  }
  override teardown(_trainer: TrainerView, _module: LightningModule, _stage: TrainerFn): void {
    this.#closeLine();
  }

  /** Whether a plain line is written of the epoch that ends: the last one of each part of the run. */
  #isDue({ currentEpoch, maxEpochs }: TrainerView): boolean {
    const { plainLines } = this.options;
    if (this.#style !== "plain" || plainLines === null || maxEpochs === -1) return true;
    const part = (epochs: number) => Math.floor((epochs * plainLines) / maxEpochs);
    return part(currentEpoch + 1) > part(currentEpoch);
  }

  // --- Drawing ---

  #beginEpoch(trainer: TrainerView, done: number): void {
    const of = trainer.maxEpochs === -1 ? "" : `/${trainer.maxEpochs}`;
    this.#begin(trainer, `Epoch ${trainer.currentEpoch + 1}${of}`, trainer.numTrainingBatches, done);
  }

  #begin(trainer: TrainerView, title: string, total: number, done = 0): void {
    this.#title = title;
    this.#total = total;
    this.#done = done;
    this.#speed = new Speed(trainer.trainLoaderStats, done);
    this.#lastDrawn = this.#style === "plain" ? performance.now() : Number.NEGATIVE_INFINITY;
  }

  #show(trainer: TrainerView, module: LightningModule, force: boolean): void {
    if (this.#style === "quiet" || !trainer.isGlobalZero) return;
    const now = performance.now();
    const every = this.#style === "bar" ? redrawMs : this.options.plainIntervalS * 1000;
    if (now - this.#lastDrawn < every && !(force && this.#style === "bar")) return;
    if (this.#style === "bar" && this.#done % this.options.refreshRate !== 0 && !force) return;
    this.#lastDrawn = now;
    const text = this.#text(trainer, module);
    if (this.#style === "plain") this.#output.write(`${text}\n`);
    else this.#draw(text);
  }

  #draw(text: string): void {
    this.#output.write(`\r${text}\u001b[K`);
    this.#lineOpen = true;
  }

  #text(trainer: TrainerView, module: LightningModule, isFinished = false): string {
    const speed = this.#speed.measure(trainer.trainLoaderStats, this.#done);
    const total = Number.isFinite(this.#total) ? String(this.#total) : "?";
    const validation = this.#inValidation;
    const { first, rest } = inOrder(this.getMetrics(trainer, module), isFinished);
    const isPlain = this.#style === "plain";
    const parts = [
      ...(isPlain && isFinished ? [] : [`${this.#done}/${total}`]),
      ...(validation === undefined ? [] : [`${validation.title} ${validation.done}/${validation.total}`]),
      ...first,
    ];
    const left = this.#secondsLeft(trainer, speed.secondsPerBatch);
    parts.push(left === undefined ? clock(speed.seconds) : `${clock(left)} left`);
    const best = this.#inFit(trainer) ? bestSoFar(trainer) : undefined;
    if (best !== undefined) parts.push(`best ${metricValue(best)}`);
    if (speed.imagesPerSecond > 0)
      parts.push(`${speed.imagesPerSecond.toFixed(speed.imagesPerSecond < 10 ? 1 : 0)} img/s`);
    else if (speed.secondsPerBatch > 0) parts.push(`${(1 / speed.secondsPerBatch).toFixed(1)} it/s`);
    parts.push(...rest);
    if (speed.waitShare >= 0.01) parts.push(`data ${(100 * speed.waitShare).toFixed(0)}%`);
    const fraction = Number.isFinite(this.#total) && !isPlain ? this.#done / Math.max(1, this.#total) : undefined;
    const width = isPlain ? plainColumns : (this.#output.columns ?? 120) - 1;
    return joinFitting(this.#title, parts, width, (cells) =>
      fraction === undefined ? undefined : bar(fraction, cells),
    );
  }

  /** Of the run in training, as its last epoch went, validation included; elsewhere of the stage that runs. */
  #secondsLeft(trainer: TrainerView, secondsPerBatch: number): number | undefined {
    const ofEpoch = (this.#total - this.#done) * secondsPerBatch;
    if (secondsPerBatch === 0 || !Number.isFinite(ofEpoch)) return undefined;
    if (!this.#inFit(trainer) || trainer.maxEpochs === -1) return ofEpoch;
    const epochs = Math.max(0, trainer.maxEpochs - trainer.currentEpoch - 1);
    const ofAll = ofEpoch + epochs * (this.#epochSeconds ?? this.#total * secondsPerBatch);
    return Math.min(ofAll, find(trainer, Timer)?.timeRemaining() ?? Number.POSITIVE_INFINITY);
  }

  #inFit({ fn, sanityChecking }: TrainerView): boolean {
    return fn === "fit" && !sanityChecking;
  }

  #finishLine(trainer: TrainerView, module: LightningModule): void {
    if (this.#style === "quiet" || !trainer.isGlobalZero || this.#title === "") return;
    const text = this.#text(trainer, module, true);
    if (this.#style === "plain") {
      this.#output.write(`${text}\n`);
      return;
    }
    this.#draw(text);
    if (this.options.leave) this.#closeLine();
    else this.#clear();
  }

  #clear(): void {
    if (!this.#lineOpen) return;
    this.#output.write("\r\u001b[K");
    this.#lineOpen = false;
  }

  #closeLine(): void {
    if (!this.#lineOpen) return;
    this.#output.write("\n");
    this.#lineOpen = false;
  }
}

function find<T extends Callback>({ callbacks }: TrainerView, kind: new (options?: never) => T): T | undefined {
  return callbacks.find((callback): callback is T => callback instanceof kind);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

/** The best value of what the checkpoint callback monitors; the newest, too, which it may not have seen yet. */
function bestSoFar(trainer: TrainerView): number | undefined {
  const checkpoint = find(trainer, ModelCheckpoint);
  const { monitor, mode } = checkpoint?.options ?? {};
  const newest = monitor == null ? undefined : trainer.callbackMetrics[monitor];
  const values = [checkpoint?.bestModelScore, newest].filter((value) => value != null && !Number.isNaN(value));
  return values.length === 0 ? undefined : Math[mode === "max" ? "max" : "min"](...(values as number[]));
}
