import { getLogger, parseOptions } from "@classifier-training/base";
import { z } from "zod";
import { Callback } from "../core/callback.ts";
import type { Stage, TrainerView } from "../core/trainer-view.ts";
import { durationSchema, durationSeconds } from "../utilities/duration.ts";

const log = getLogger("lightning.timer");

export const timerOptionsSchema = z.strictObject({
  /** How long to train at most: `DD:HH:MM:SS`, or { days, hours, minutes, seconds }. */
  duration: durationSchema.nullable().default(null),
  /** Whether to look after each batch, or at the end of epochs only. */
  interval: z.enum(["step", "epoch"]).default("step"),
  verbose: z.boolean().default(true),
});

/** Stops training after a time; the time of earlier parts of an interrupted run counts. */
export class Timer extends Callback {
  readonly #options: z.infer<typeof timerOptionsSchema>;
  readonly #limitS: number;
  readonly #started = new Map<Stage, number>();
  readonly #ended = new Map<Stage, number>();
  #offsetS = 0;

  constructor(options: z.input<typeof timerOptionsSchema> = {}) {
    super();
    this.#options = parseOptions("Timer", timerOptionsSchema, options);
    const { duration } = this.#options;
    this.#limitS = duration === null ? Number.POSITIVE_INFINITY : durationSeconds(duration);
  }

  override get order(): "first" {
    return "first";
  }

  /** Seconds spent in a stage. */
  timeElapsed(stage: Stage = "train"): number {
    const start = this.#started.get(stage);
    const offset = stage === "train" ? this.#offsetS : 0;
    if (start === undefined) return offset;
    return ((this.#ended.get(stage) ?? performance.now()) - start) / 1000 + offset;
  }

  timeRemaining(stage: Stage = "train"): number {
    return this.#limitS - this.timeElapsed(stage);
  }

  #start(stage: Stage): void {
    this.#started.set(stage, performance.now());
    this.#ended.delete(stage);
  }

  override onTrainStart(): void {
    this.#start("train");
  }
  override onTrainEnd(): void {
    this.#ended.set("train", performance.now());
  }
  override onValidationStart(): void {
    this.#start("validate");
  }
  override onValidationEnd(): void {
    this.#ended.set("validate", performance.now());
  }
  override onTestStart(): void {
    this.#start("test");
  }
  override onTestEnd(): void {
    this.#ended.set("test", performance.now());
  }
  override onFitStart(trainer: TrainerView): void {
    this.#check(trainer);
  }
  override onTrainBatchEnd(trainer: TrainerView): void {
    if (this.#options.interval === "step") this.#check(trainer);
  }
  override onTrainEpochEnd(trainer: TrainerView): void {
    if (this.#options.interval === "epoch") this.#check(trainer);
  }

  #check(trainer: TrainerView): void {
    const stop = trainer.strategy.reduceDecision(this.timeElapsed() >= this.#limitS, "any");
    if (!stop || trainer.shouldStop) return;
    trainer.shouldStop = true;
    if (this.#options.verbose)
      log.info(`Time limit reached. Elapsed time is ${Math.round(this.timeElapsed())} s. Signaling Trainer to stop.`);
  }

  override stateDict(): Record<string, unknown> {
    return { trainSeconds: this.timeElapsed() };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.#offsetS = Number(state["trainSeconds"] ?? 0);
  }
}
