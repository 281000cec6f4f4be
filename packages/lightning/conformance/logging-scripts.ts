import { ones, optim } from "@classifier-training/torch";
import type { LearningRateMonitor, LoggedValue, LogOptions, OptimizerSpec } from "../src/index.ts";
import type { LoggingModule } from "./logging.ts";

/** What the module of a recorded scenario does; `x` is the mean of the batch. */
export interface LoggingScript {
  readonly begin?: (module: LoggingModule) => void;
  readonly train?: (module: LoggingModule, x: number, batchIdx: number) => void;
  readonly validate?: (module: LoggingModule, x: number) => void;
  readonly test?: (module: LoggingModule, x: number) => void;
  readonly trainEpochEnd?: (module: LoggingModule) => void;
  readonly optimizers?: (module: LoggingModule) => OptimizerSpec;
  readonly monitor?: ConstructorParameters<typeof LearningRateMonitor>[0];
  readonly secondLoader?: boolean;
}

const both: LogOptions = { onStep: true, onEpoch: true };
const epochOnly: LogOptions = { onStep: false, onEpoch: true };

const logA = (options?: LogOptions): LoggingScript => ({ train: (module, x) => module.log("a", x, options) });
const logV = (options?: LogOptions): LoggingScript => ({ validate: (module, x) => module.log("v", x, options) });
const fork: LoggingScript = logA({ onEpoch: true });
/** A value that only Python's dynamic typing would let through. */
const wrong = (value: unknown) => value as LoggedValue;

function decaying(
  name: "AdamW" | "SGD",
  options: { readonly scheduler?: string | undefined; readonly perStep?: boolean } = {},
) {
  return (module: LoggingModule): OptimizerSpec => {
    const parameters = [...module.parameters()];
    const optimizer =
      name === "AdamW"
        ? new optim.AdamW(parameters, { lr: 0.1, weightDecay: 0.01 })
        : new optim.SGD(
            parameters.map((parameter, i) => ({
              params: [parameter],
              lr: 0.1 * (i + 1),
              ...(options.perStep ? { name: "wb"[i] } : {}),
            })),
            { lr: 0.1, momentum: options.perStep ? 0.9 : 0 },
          );
    const scheduler = new optim.lrScheduler.ExponentialLR(optimizer, { gamma: 0.5 });
    return {
      optimizer,
      lrScheduler: {
        scheduler,
        interval: options.perStep ? "step" : "epoch",
        ...(options.scheduler === undefined ? {} : { name: options.scheduler }),
      },
    };
  };
}

/** The scenarios of `lightning_logging.json` that need code, by name. */
export const loggingScripts: Readonly<Record<string, LoggingScript>> = {
  train_default: logA(),
  train_on_step_only: logA({ onStep: true, onEpoch: false }),
  train_on_epoch_only: logA(epochOnly),
  train_both_fork: { train: (module, x) => module.log("train/loss", x, { ...both, progBar: true }) },
  train_neither: logA({ onStep: false, onEpoch: false }),
  train_logger_False: logA({ logger: false, progBar: true }),
  train_reduce_mean: logA({ ...epochOnly, reduceFx: "mean" }),
  train_reduce_sum: logA({ ...epochOnly, reduceFx: "sum" }),
  train_reduce_min: logA({ ...epochOnly, reduceFx: "min" }),
  train_reduce_max: logA({ ...epochOnly, reduceFx: "max" }),
  train_reduce_bad: logA({ ...epochOnly, reduceFx: "std" as unknown as "mean" }),
  train_mean_weighted_uneven_batches: {
    train: (module, x) => module.log("a", x, epochOnly),
    validate: (module, x) => module.log("v", x),
  },
  train_mean_explicit_batch_size: {
    train: (module, x) => module.log("a", x, { ...epochOnly, batchSize: 1 }),
    validate: (module, x) => module.log("v", x, { batchSize: 1 }),
  },
  log_every_n_steps_3: fork,
  log_every_n_steps_50_default: fork,
  accumulate_2: fork,
  val_default: logV(),
  val_on_step_on_epoch: logV(both),
  val_on_step_only: logV({ onStep: true, onEpoch: false }),
  val_two_dataloaders: { ...logV(), secondLoader: true },
  val_two_dataloaders_no_suffix: { ...logV({ addDataloaderIdx: false }), secondLoader: true },
  "val_check_interval_0.5": { ...fork, ...logV() },
  sanity_check_not_logged: logV(),
  train_and_val_same_key: {
    train: (module, x) => module.log("loss", x, epochOnly),
    validate: (module, x) => module.log("loss", x),
  },
  epoch_end_log: { ...fork, trainEpochEnd: (module) => module.log("ee", 7) },
  epoch_end_log_on_step: { trainEpochEnd: (module) => module.log("ee", 7, { onStep: true }) },
  metric_object: {
    train: (module, x) => {
      module.mean.update(x);
      module.log("m", module.mean, both);
    },
  },
  log_dict: { train: (module, x) => module.logDict({ a: x, b: 2 * x }, { onEpoch: true }) },
  duplicate_key_different_args: {
    train: (module, x) => {
      module.log("a", x);
      module.log("a", x, { onEpoch: true });
    },
  },
  log_twice_same_args: {
    train: (module) => {
      module.log("a", 1, { onEpoch: true });
      module.log("a", 5, { onEpoch: true });
    },
  },
  nonscalar: { train: (module) => module.log("a", ones([2])) },
  string_value: { train: (module) => module.log("a", wrong("x")) },
  key_epoch: { train: (module, x) => module.log("epoch", x) },
  key_step: {
    train: (module, x) => {
      module.log("a", x, epochOnly);
      module.log("step", 42, epochOnly);
    },
  },
  step_method_logger_direct: { train: (module) => module.logger?.logMetrics({ z: 1 }, module.globalStep) },
  nan_value: { train: (module, x, i) => module.log("a", i === 1 ? Number.NaN : x, { onEpoch: true }) },
  hparams: { begin: (module) => module.saveHyperparameters({ lr: 0.1, name: "x" }) },
  test_loop: { test: (module, x) => module.log("t", x) },
  validate_loop: logV(),
  system_pattern: {
    monitor: { loggingInterval: "epoch" },
    train: (module, x) => module.log("train/loss", x, { ...both, progBar: true }),
    validate: (module, x) => module.log("val/loss", x, { ...epochOnly, progBar: true }),
    trainEpochEnd: (module) => module.log("train/acc_top1", 0.5),
  },
  lr_adamw_epoch: { monitor: {}, optimizers: decaying("AdamW") },
  lr_adamw_interval_epoch: { monitor: { loggingInterval: "epoch" }, optimizers: decaying("AdamW") },
  lr_adamw_interval_step: { monitor: { loggingInterval: "step" }, optimizers: decaying("AdamW") },
  lr_two_groups: { monitor: { loggingInterval: "epoch" }, optimizers: decaying("SGD") },
  lr_named_groups_momentum_step: {
    monitor: { loggingInterval: "step", logMomentum: true },
    optimizers: decaying("SGD", { perStep: true }),
  },
  lr_named_scheduler_wd: {
    monitor: { loggingInterval: "epoch", logWeightDecay: true },
    optimizers: decaying("AdamW", { scheduler: "my/lr" }),
  },
  lr_no_scheduler: {
    monitor: { loggingInterval: "epoch" },
    optimizers: (module) => new optim.AdamW(module.parameters(), { lr: 0.1 }),
  },
  lr_monitor_without_logger: { monitor: {} },
};
