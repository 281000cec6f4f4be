import { getLogger } from "@classifier-training/base";
import { ModelCheckpoint } from "../callbacks/model-checkpoint.ts";
import { ModelSummary } from "../callbacks/model-summary.ts";
import { ProgressBar } from "../callbacks/progress-bar.ts";
import { Timer } from "../callbacks/timer.ts";
import { CheckpointIO } from "../checkpoint/io.ts";
import type { Callback } from "../core/callback.ts";
import { GuardedLogger } from "../loggers/guarded-logger.ts";
import { CSVLogger } from "../loggers/index.ts";
import type { Logger } from "../loggers/logger.ts";
import { ClusterEnvironment } from "../plugins/cluster-environment.ts";
import { selectPrecision } from "../precision/plugins.ts";
import { ChromeTraceProfiler } from "../profilers/chrome-trace.ts";
import { type Profiler, passThroughProfiler } from "../profilers/profiler.ts";
import { SimpleProfiler } from "../profilers/simple.ts";
import { inOrder, refuseDuplicates } from "../run/callback-connector.ts";
import type { Components } from "../run/fit-run.ts";
import type { ResolvedOptions } from "../run/resolved-options.ts";
import { selectStrategy } from "../strategies/select.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import type { ParsedOptions } from "./options.ts";

const log = getLogger("lightning.trainer");

/** Makes the objects that options stand for. @throws MisconfigurationError when they contradict each other */
export function makeComponents(parsed: ParsedOptions, options: ResolvedOptions): Components {
  const strategy = selectStrategy(parsed);
  const plugins = [parsed.plugins ?? []].flat();
  const environment = plugins.find((plugin) => plugin instanceof ClusterEnvironment);
  const io = plugins.find((plugin) => plugin instanceof CheckpointIO);
  return {
    strategy,
    precision: selectPrecision(parsed.precision, strategy.rootDevice),
    profiler: selectProfiler(parsed.profiler, options.defaultRootDir),
    // Rank 0 speaks for all.
    loggers: strategy.globalRank === 0 ? configureLoggers(parsed, options) : [],
    callbacks: configureCallbacks(parsed, options),
    io: io ?? new CheckpointIO({ asynchronous: parsed.asyncCheckpointing }),
    autoRequeue: environment?.options.autoRequeue ?? true,
  };
}

function selectProfiler(option: ParsedOptions["profiler"], rootDir: string): Profiler {
  if (option === null) return passThroughProfiler;
  // Python's "advanced" profiles functions; for those Node has `--cpu-prof`.
  if (option === "simple" || option === "advanced") return new SimpleProfiler();
  if (option === "chrome" || option === "pytorch") return new ChromeTraceProfiler({ dirpath: rootDir });
  return option;
}

/** The callbacks asked for and those that come by default, in the order in which their hooks run. */
function configureCallbacks(parsed: ParsedOptions, options: ResolvedOptions): Callback[] {
  const given = [parsed.callbacks ?? []].flat();
  const callbacks = [...given];
  const has = (kind: abstract new (...args: never[]) => Callback) => callbacks.some((one) => one instanceof kind);
  if (options.barebones && given.some((one) => one instanceof ProgressBar || one instanceof ModelSummary)) {
    throw new MisconfigurationError("Trainer(barebones: true) was configured but a progress bar or summary was passed");
  }
  if (given.filter((one) => one instanceof ProgressBar).length > 1) {
    throw new MisconfigurationError(
      "You added multiple progress bar callbacks to the Trainer, but currently only one progress bar is supported",
    );
  }
  if (options.enableProgressBar) {
    if (!has(ProgressBar)) callbacks.push(new ProgressBar());
  } else if (has(ProgressBar)) {
    throw new MisconfigurationError(
      "Trainer was configured with `enableProgressBar: false` but found a progress bar in the callbacks list",
    );
  }
  if (options.maxTimeS !== null) {
    if (has(Timer)) log.info("Ignoring `Trainer(maxTime: ...)`, callbacks list already contains a Timer.");
    else callbacks.push(new Timer({ duration: { seconds: options.maxTimeS } }));
  }
  if (options.enableCheckpointing) {
    if (!has(ModelCheckpoint)) callbacks.push(new ModelCheckpoint());
  } else if (has(ModelCheckpoint)) {
    throw new MisconfigurationError(
      "Trainer was configured with `enableCheckpointing: false` but found `ModelCheckpoint` in the callbacks list",
    );
  }
  if (options.enableModelSummary && !has(ModelSummary)) callbacks.push(new ModelSummary());
  refuseDuplicates(callbacks);
  return inOrder(callbacks);
}

/** The loggers asked for; with `true`, metrics.csv under the root folder. A logger that fails does not stop training. */
function configureLoggers(parsed: ParsedOptions, options: ResolvedOptions): Logger[] {
  if (!options.enableLogging) return [];
  const logger = parsed.logger ?? true;
  if (logger === true) return [GuardedLogger.of(new CSVLogger({ saveDir: options.defaultRootDir }))];
  return logger === false ? [] : [logger].flat().map((one) => GuardedLogger.of(one));
}
