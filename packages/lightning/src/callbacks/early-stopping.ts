import { floatRepr, getLogger, parseOptions } from "@classifier-training/base";
import { z } from "zod";
import { Callback, type MetricUse } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerFn, TrainerView } from "../core/trainer-view.ts";
import type { MetricValues } from "../metrics/logged-values.ts";
import { MisconfigurationError } from "../utilities/errors.ts";

const log = getLogger("lightning.early_stopping");

export const earlyStoppingOptionsSchema = z.strictObject({
  /** The metric to watch. */
  monitor: z.string(),
  /** By how much it must change to count as an improvement. */
  minDelta: z.number().default(0),
  /** After how many checks without one to stop. */
  patience: z.int().min(0).default(3),
  verbose: z.boolean().default(false),
  mode: z.enum(["min", "max"]).default("min"),
  /** Whether a missing metric is an error. */
  strict: z.boolean().default(true),
  /** Stop when it becomes NaN or infinite. */
  checkFinite: z.boolean().default(true),
  stoppingThreshold: z.number().nullable().default(null),
  divergenceThreshold: z.number().nullable().default(null),
  checkOnTrainEpochEnd: z.boolean().nullable().default(null),
  logRankZeroOnly: z.boolean().default(false),
});
export type EarlyStoppingOptions = z.input<typeof earlyStoppingOptionsSchema>;

const stoppingReasons = {
  notStopped: 0,
  stoppingThreshold: 1,
  divergenceThreshold: 2,
  patienceExhausted: 3,
  nonFiniteMetric: 4,
} as const;
export type StoppingReason = (typeof stoppingReasons)[keyof typeof stoppingReasons];

/** Stops training when a metric no longer improves. Values are compared in float32, as Lightning's tensors are. */
export class EarlyStopping extends Callback {
  readonly options: z.infer<typeof earlyStoppingOptionsSchema>;
  readonly #better: (a: number, b: number) => boolean;
  /** Added to what is to be beaten: the signed `minDelta`. */
  readonly #minDelta: number;
  #checkOnTrainEpochEnd: boolean | null;
  bestScore: number;
  waitCount = 0;
  stoppedEpoch = 0;
  patience: number;
  stoppingReason: StoppingReason = stoppingReasons.notStopped;
  stoppingReasonMessage: string | null = null;

  constructor(options: EarlyStoppingOptions) {
    super();
    this.options = parseOptions("EarlyStopping", earlyStoppingOptionsSchema, options);
    const { mode, minDelta, patience, checkOnTrainEpochEnd } = this.options;
    this.#better = mode === "min" ? (a, b) => a < b : (a, b) => a > b;
    this.#minDelta = Math.fround(mode === "min" ? -minDelta : minDelta);
    this.#checkOnTrainEpochEnd = checkOnTrainEpochEnd;
    this.bestScore = mode === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    this.patience = patience;
  }

  override get monitorsMetrics(): boolean {
    return true;
  }

  override get metricUses(): readonly MetricUse[] {
    const { monitor, strict } = this.options;
    return [{ name: monitor, option: `EarlyStopping(monitor='${monitor}')`, isRequired: strict }];
  }

  override get stateKey(): string {
    const { monitor, mode } = this.options;
    return `EarlyStopping{'monitor': '${monitor}', 'mode': '${mode}'}`;
  }

  override setup(trainer: TrainerView, _module: LightningModule, _stage: TrainerFn): void {
    this.#checkOnTrainEpochEnd ??= trainer.validatesAtEpochEnd;
  }

  override onTrainEpochEnd(trainer: TrainerView): void {
    if (this.#checkOnTrainEpochEnd === true && trainer.fn === "fit") this.#check(trainer);
  }

  override onValidationEnd(trainer: TrainerView): void {
    if (this.#checkOnTrainEpochEnd !== true && trainer.fn === "fit" && !trainer.sanityChecking) this.#check(trainer);
  }

  #check(trainer: TrainerView): void {
    if (trainer.fastDevRun !== false) return;
    const current = this.#monitored(trainer.callbackMetrics);
    if (current === undefined) return;
    const decision = this.evaluate(current);
    const stop = trainer.strategy.reduceDecision(decision.stop, "any");
    if (stop) {
      trainer.shouldStop = true;
      this.stoppedEpoch = trainer.currentEpoch;
      this.stoppingReasonMessage = decision.reason;
    }
    // Why a training ends is said even where improvements are not.
    const said = this.options.verbose || stop ? decision.reason : null;
    if (said !== null && (trainer.isGlobalZero || !this.options.logRankZeroOnly)) log.info(said);
  }

  #monitored(metrics: Readonly<MetricValues>): number | undefined {
    const { monitor, strict, verbose } = this.options;
    const value = Object.hasOwn(metrics, monitor) ? metrics[monitor] : undefined;
    if (value !== undefined) return value;
    const what = `Early stopping conditioned on metric \`${monitor}\` which is not available`;
    const fix = `monitor one of: ${Object.keys(metrics).join(", ")}`;
    if (strict) throw new MisconfigurationError(what, fix);
    if (verbose) log.warning(`${what}; ${fix}`);
    return undefined;
  }

  /** Takes the next value of the metric, and says whether to stop and why. */
  evaluate(value: number): { readonly stop: boolean; readonly reason: string | null } {
    const { monitor, mode, checkFinite, stoppingThreshold, divergenceThreshold } = this.options;
    const current = Math.fround(value);
    const sign = mode === "min" ? "<" : ">";
    const stop = (why: StoppingReason, reason: string) => {
      this.stoppingReason = why;
      return { stop: true, reason: `${reason} Signaling Trainer to stop.` };
    };
    if (checkFinite && !Number.isFinite(current)) {
      return stop(
        stoppingReasons.nonFiniteMetric,
        `Monitored metric ${monitor} = ${floatRepr(current)} is not finite. Previous best value was ${fixed(this.bestScore)}.`,
      );
    }
    if (stoppingThreshold !== null && this.#better(current, Math.fround(stoppingThreshold))) {
      return stop(
        stoppingReasons.stoppingThreshold,
        `Stopping threshold reached: ${monitor} = ${floatRepr(current)} ${sign} ${floatRepr(stoppingThreshold)}.`,
      );
    }
    if (divergenceThreshold !== null && this.#better(-current, Math.fround(-divergenceThreshold))) {
      return stop(
        stoppingReasons.divergenceThreshold,
        `Divergence threshold reached: ${monitor} = ${floatRepr(current)} ${sign} ${floatRepr(divergenceThreshold)}.`,
      );
    }
    if (this.#better(Math.fround(current - this.#minDelta), this.bestScore)) {
      const reason = this.#improvement(current);
      this.bestScore = current;
      this.waitCount = 0;
      return { stop: false, reason };
    }
    this.waitCount++;
    if (this.waitCount < this.patience) return { stop: false, reason: null };
    return stop(
      stoppingReasons.patienceExhausted,
      `Monitored metric ${monitor} did not improve in the last ${this.waitCount} records. Best score: ${fixed(this.bestScore)}.`,
    );
  }

  #improvement(current: number): string {
    const { monitor, minDelta } = this.options;
    if (!Number.isFinite(this.bestScore)) return `Metric ${monitor} improved. New best score: ${fixed(current)}`;
    const by = Math.abs(Math.fround(this.bestScore - current));
    return `Metric ${monitor} improved by ${fixed(by)} >= min_delta = ${floatRepr(Math.abs(minDelta))}. New best score: ${fixed(current)}`;
  }

  override stateDict(): Record<string, unknown> {
    const { waitCount, stoppedEpoch, bestScore, patience, stoppingReason, stoppingReasonMessage } = this;
    return { waitCount, stoppedEpoch, bestScore, patience, stoppingReason, stoppingReasonMessage };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    const { waitCount, stoppedEpoch, bestScore, patience, stoppingReason, stoppingReasonMessage } = state;
    Object.assign(this, { waitCount, stoppedEpoch, bestScore, stoppingReason, stoppingReasonMessage });
    if (patience === undefined || patience === this.patience) return;
    log.warning(
      `the patience of EarlyStopping(monitor='${this.options.monitor}') was ${String(patience)} and is ${this.patience}, of which ${this.waitCount} checks have passed`,
    );
  }
}

function fixed(value: number): string {
  if (Number.isNaN(value)) return "nan";
  return Number.isFinite(value) ? value.toFixed(3) : floatRepr(value);
}
