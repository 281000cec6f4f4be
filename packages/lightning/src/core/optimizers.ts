import type { optim } from "@classifier-training/torch";
import { MisconfigurationError } from "../utilities/errors.ts";

/** Anything that changes learning rates: torch's schedulers, and custom ones with the same four methods. */
export interface LrScheduler {
  step(metric?: number): void;
  getLastLr?(): readonly number[];
  stateDict(): Record<string, unknown>;
  loadStateDict(state: Record<string, unknown>): void;
  readonly optimizer?: optim.lrScheduler.ScheduledOptimizer;
}

/** How `configureOptimizers` describes a scheduler. */
export interface SchedulerOptions {
  readonly scheduler: LrScheduler;
  readonly interval?: "epoch" | "step";
  readonly frequency?: number;
  /** The metric that a plateau scheduler watches. */
  readonly monitor?: string;
  /** Whether a missing metric is an error. */
  readonly strict?: boolean;
  readonly name?: string;
  readonly reduceOnPlateau?: boolean;
}

export interface SchedulerConfig extends Required<Omit<SchedulerOptions, "monitor" | "name">> {
  readonly monitor: string | undefined;
  readonly name: string | undefined;
}

export interface OptimizerWithScheduler {
  readonly optimizer: optim.Optimizer;
  readonly lrScheduler?: LrScheduler | SchedulerOptions;
  readonly monitor?: string;
}

/** What `configureOptimizers` may return, as in Lightning. */
export type OptimizerSpec =
  | optim.Optimizer
  | OptimizerWithScheduler
  | readonly (optim.Optimizer | OptimizerWithScheduler)[]
  | readonly [readonly optim.Optimizer[], readonly (LrScheduler | SchedulerOptions)[]]
  | null
  | undefined;

export interface ConfiguredOptimizers {
  readonly optimizers: readonly optim.Optimizer[];
  readonly schedulers: readonly SchedulerConfig[];
}

/** @throws MisconfigurationError when it is not one of the allowed forms. */
export function parseOptimizers(spec: unknown, automatic: boolean): ConfiguredOptimizers {
  if (spec === null || spec === undefined) return { optimizers: [], schedulers: [] };
  const optimizers: optim.Optimizer[] = [];
  const schedulers: SchedulerConfig[] = [];
  const addScheduler = (value: unknown, monitor?: string) => {
    if (value !== null && value !== undefined) schedulers.push(schedulerConfig(value, monitor, automatic));
  };
  const addOne = (value: unknown) => {
    if (isOptimizer(value)) optimizers.push(value);
    else if (isRecord(value) && isOptimizer(value["optimizer"])) {
      const unknown = Object.keys(value).filter((key) => !["optimizer", "lrScheduler", "monitor"].includes(key));
      if (unknown.length > 0) throw badSpec(`unknown key '${unknown[0]}' beside 'optimizer'`);
      optimizers.push(value["optimizer"]);
      addScheduler(value["lrScheduler"], value["monitor"] as string | undefined);
    } else throw badSpec("got something that is neither an optimizer nor { optimizer, lrScheduler }");
  };
  if (Array.isArray(spec)) {
    if (spec.length === 2 && Array.isArray(spec[0])) {
      for (const optimizer of spec[0]) addOne(optimizer);
      for (const scheduler of Array.isArray(spec[1]) ? spec[1] : [spec[1]]) addScheduler(scheduler);
    } else for (const item of spec) addOne(item);
  } else addOne(spec);
  if (automatic && optimizers.length > 1) {
    throw new MisconfigurationError(
      "Training with multiple optimizers is only supported with manual optimization",
      "set `automaticOptimization = false` in the module, and step the optimizers in trainingStep",
    );
  }
  return { optimizers, schedulers };
}

/** A scheduler's options with their defaults. */
export function schedulerConfig(value: unknown, monitor: string | undefined, automatic: boolean): SchedulerConfig {
  const options: Partial<SchedulerOptions> =
    isRecord(value) && "scheduler" in value ? value : { scheduler: value as LrScheduler };
  const { scheduler, interval = "epoch", frequency = 1, strict = true, name } = options;
  if (typeof scheduler?.step !== "function") throw badSpec("the scheduler has no step()");
  if (interval !== "epoch" && interval !== "step")
    throw badSpec(`interval is '${String(interval)}', not 'epoch' or 'step'`);
  const reduceOnPlateau = options.reduceOnPlateau ?? scheduler.constructor.name === "ReduceLROnPlateau";
  const watched = options.monitor ?? monitor;
  if (automatic && reduceOnPlateau && watched === undefined) {
    throw new MisconfigurationError(
      "`configureOptimizers` must include a monitor when a `ReduceLROnPlateau` scheduler is used",
      'return { optimizer, lrScheduler: { scheduler, monitor: "val/loss" } }',
    );
  }
  return { scheduler, interval, frequency, strict, name, reduceOnPlateau, monitor: watched };
}

function isOptimizer(value: unknown): value is optim.Optimizer {
  return isRecord(value) && typeof value["step"] === "function" && Array.isArray(value["paramGroups"]);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function badSpec(what: string): MisconfigurationError {
  return new MisconfigurationError(
    `configureOptimizers(): ${what}`,
    "return an optimizer, { optimizer, lrScheduler: { scheduler, interval, frequency, monitor } }, lists of them, or null",
  );
}
