import { parseOptions } from "@classifier-training/base";
import type { optim } from "@classifier-training/torch";
import { z } from "zod";
import { Callback } from "../core/callback.ts";
import type { TrainerView } from "../core/trainer-view.ts";
import type { MetricValues } from "../metrics/logged-values.ts";
import { MisconfigurationError } from "../utilities/errors.ts";

export const learningRateMonitorOptionsSchema = z.strictObject({
  /** When to log; by default each scheduler at its own interval. */
  loggingInterval: z.enum(["step", "epoch"]).nullable().default(null),
  logMomentum: z.boolean().default(false),
  logWeightDecay: z.boolean().default(false),
  /** Goes before each name. */
  logKeyPrefix: z.string().nullable().default(null),
});

interface Watched {
  readonly optimizer: optim.lrScheduler.ScheduledOptimizer;
  readonly names: readonly string[];
  /** The interval of its scheduler; without one it is logged whenever something is. */
  readonly interval: "step" | "epoch" | undefined;
}

/** Logs learning rates (and momentum, weight decay) under Lightning's names: `lr-AdamW`, `lr-SGD/pg1`. */
export class LearningRateMonitor extends Callback {
  readonly #options: z.infer<typeof learningRateMonitorOptionsSchema>;

  constructor(options: z.input<typeof learningRateMonitorOptionsSchema> = {}) {
    super();
    this.#options = parseOptions("LearningRateMonitor", learningRateMonitorOptionsSchema, options);
  }

  override onTrainStart(trainer: TrainerView): void {
    if (trainer.isGlobalZero && trainer.loggers.length === 0 && trainer.fastDevRun === false) {
      throw new MisconfigurationError(
        "Cannot use `LearningRateMonitor` callback with `Trainer` that has no logger.",
        "give the Trainer a logger, or leave the callback out",
      );
    }
  }

  #find(trainer: TrainerView): Watched[] {
    const taken = new Map<string, number>();
    const watched: Watched[] = [];
    const add = (
      optimizer: optim.lrScheduler.ScheduledOptimizer,
      given: string | undefined,
      interval: Watched["interval"],
    ) => {
      let base = given;
      if (base === undefined) {
        const kind = `lr-${optimizer.constructor.name}`;
        const count = taken.get(kind) ?? 0;
        taken.set(kind, count + 1);
        base = count === 0 ? kind : `${kind}-${count}`;
      }
      const prefix = this.#options.logKeyPrefix ?? "";
      watched.push({ optimizer, interval, names: groupNames(base, optimizer).map((name) => `${prefix}${name}`) });
    };
    const scheduled = new Set<optim.lrScheduler.ScheduledOptimizer>();
    for (const { scheduler, name, interval } of trainer.lrSchedulerConfigs) {
      const optimizer = scheduler.optimizer ?? trainer.optimizers[0];
      if (optimizer === undefined || scheduled.has(optimizer)) continue;
      scheduled.add(optimizer);
      add(optimizer, name, interval);
    }
    for (const optimizer of trainer.optimizers) if (!scheduled.has(optimizer)) add(optimizer, undefined, undefined);
    return watched;
  }

  override get reportsOnly(): boolean {
    return true;
  }

  override onTrainBatchStart(trainer: TrainerView): void {
    const { loggingInterval } = this.#options;
    if (!trainer.shouldUpdateLogs || loggingInterval === "epoch") return;
    this.#log(trainer, loggingInterval === null ? "step" : "any");
  }

  override onTrainEpochStart(trainer: TrainerView): void {
    const { loggingInterval } = this.#options;
    if (loggingInterval !== "step") this.#log(trainer, loggingInterval === null ? "epoch" : "any");
  }

  #log(trainer: TrainerView, interval: "step" | "epoch" | "any"): void {
    const values: MetricValues = {};
    // Found anew: schedulers may be replaced, and parameter groups added.
    for (const watched of this.#find(trainer)) {
      if (interval !== "any" && watched.interval !== undefined && watched.interval !== interval) continue;
      for (const [i, name] of watched.names.entries()) this.#read(watched.optimizer.paramGroups[i], name, values);
    }
    if (Object.keys(values).length === 0) return;
    trainer.addCallbackMetrics(values);
    for (const logger of trainer.loggers) logger.logMetrics(values, trainer.loggedStep);
  }

  #read(group: object | undefined, name: string, values: MetricValues): void {
    const { lr, betas, momentum, weightDecay } = (group ?? {}) as {
      lr?: number;
      betas?: readonly number[];
      momentum?: number;
      weightDecay?: number;
    };
    if (lr !== undefined) values[name] = lr;
    if (this.#options.logMomentum) values[`${name}-momentum`] = betas?.[0] ?? momentum ?? 0;
    if (this.#options.logWeightDecay && weightDecay !== undefined) values[`${name}-weight_decay`] = weightDecay;
  }
}

function groupNames(base: string, optimizer: optim.lrScheduler.ScheduledOptimizer): string[] {
  const groups = optimizer.paramGroups as readonly { readonly name?: unknown }[];
  return groups.map(({ name }, i) => {
    if (typeof name === "string") return `${base}/${name}`;
    return groups.length > 1 ? `${base}/pg${i + 1}` : base;
  });
}
