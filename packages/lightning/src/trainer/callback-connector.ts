import { getLogger } from "@classifier-training/base";
import { ModelCheckpoint } from "../callbacks/model-checkpoint.ts";
import { ModelSummary } from "../callbacks/model-summary.ts";
import { ProgressBar } from "../callbacks/progress-bar.ts";
import { Timer } from "../callbacks/timer.ts";
import type { Callback } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import { GuardedLogger } from "../loggers/guarded-logger.ts";
import { CSVLogger } from "../loggers/index.ts";
import { Logger } from "../loggers/logger.ts";
import type { Settings } from "../run/settings.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import type { TrainerOptions } from "./options.ts";

const log = getLogger("lightning.trainer");

/** The callbacks asked for and those that come by default, in the order in which their hooks run. */
export function configureCallbacks(options: TrainerOptions, settings: Settings): Callback[] {
  const given =
    options.callbacks === null ? [] : Array.isArray(options.callbacks) ? options.callbacks : [options.callbacks];
  const callbacks = [...given];
  const has = (kind: abstract new (...args: never[]) => Callback) => callbacks.some((one) => one instanceof kind);
  if (settings.barebones && given.some((one) => one instanceof ProgressBar || one instanceof ModelSummary)) {
    throw new MisconfigurationError("Trainer(barebones: true) was configured but a progress bar or summary was passed");
  }
  if (given.filter((one) => one instanceof ProgressBar).length > 1) {
    throw new MisconfigurationError(
      "You added multiple progress bar callbacks to the Trainer, but currently only one progress bar is supported",
    );
  }
  if (settings.enableProgressBar) {
    if (!has(ProgressBar)) callbacks.push(new ProgressBar());
  } else if (has(ProgressBar)) {
    throw new MisconfigurationError(
      "Trainer was configured with `enableProgressBar: false` but found a progress bar in the callbacks list",
    );
  }
  if (settings.maxTimeS !== null) {
    if (has(Timer)) log.info("Ignoring `Trainer(maxTime: ...)`, callbacks list already contains a Timer.");
    else callbacks.push(new Timer({ duration: { seconds: settings.maxTimeS } }));
  }
  if (settings.enableCheckpointing) {
    if (!has(ModelCheckpoint)) callbacks.push(new ModelCheckpoint());
  } else if (has(ModelCheckpoint)) {
    throw new MisconfigurationError(
      "Trainer was configured with `enableCheckpointing: false` but found `ModelCheckpoint` in the callbacks list",
    );
  }
  if (settings.enableModelSummary && !has(ModelSummary)) callbacks.push(new ModelSummary());
  refuseDuplicates(callbacks);
  return inOrder(callbacks);
}

const rank = { first: 0, normal: 1, last: 2 };

function inOrder(callbacks: readonly Callback[]): Callback[] {
  return [...callbacks].sort((a, b) => rank[a.order] - rank[b.order]);
}

/** Adds the module's own callbacks: one of a class that is there already takes its place. */
export async function attachModuleCallbacks(module: LightningModule, callbacks: Callback[]): Promise<Callback[]> {
  const own = await module.configureCallbacks?.();
  if (own === undefined) return callbacks;
  const added = (Array.isArray(own) ? own : [own]) as readonly Callback[];
  if (added.length === 0) return callbacks;
  const kinds = new Set(added.map((one) => one.constructor));
  const merged = [...callbacks.filter((one) => !kinds.has(one.constructor)), ...added];
  refuseDuplicates(merged);
  return inOrder(merged);
}

function refuseDuplicates(callbacks: readonly Callback[]): void {
  const seen = new Map<string, Callback>();
  for (const callback of callbacks) {
    if (callback.stateDict === undefined) continue;
    if (seen.has(callback.stateKey)) {
      throw new MisconfigurationError(
        `Found more than one stateful callback of type \`${callback.constructor.name}\` with the same state key: ` +
          "their states would overwrite each other in checkpoints",
        "give them other options, or override `stateKey`",
      );
    }
    seen.set(callback.stateKey, callback);
  }
}

/** The loggers asked for; with `true`, metrics.csv under the root folder. A logger that fails does not stop training. */
export function configureLoggers(options: TrainerOptions, settings: Settings): Logger[] {
  if (!settings.enableLogging) return [];
  const logger = options.logger ?? true;
  if (logger === true) return [GuardedLogger.of(new CSVLogger({ saveDir: settings.defaultRootDir }))];
  if (logger === false) return [];
  return (logger instanceof Logger ? [logger] : logger).map((one) => GuardedLogger.of(one));
}
