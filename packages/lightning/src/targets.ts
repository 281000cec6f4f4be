import { optionsTarget, registerOptionNames, type Target, type TargetTable } from "@classifier-training/base";
import { z } from "zod";
import { BackboneFinetuning, backboneFinetuningOptionsSchema } from "./callbacks/backbone-finetuning.ts";
import { BatchSizeFinder, batchSizeFinderOptionsSchema } from "./callbacks/batch-size-finder.ts";
import { DeviceStatsMonitor, deviceStatsMonitorOptionsSchema } from "./callbacks/device-stats-monitor.ts";
import { EarlyStopping, earlyStoppingOptionsSchema } from "./callbacks/early-stopping.ts";
import { EMACallback, emaOptionsSchema } from "./callbacks/ema.ts";
import {
  GradientAccumulationScheduler,
  gradientAccumulationSchedulerOptionsSchema,
} from "./callbacks/gradient-accumulation-scheduler.ts";
import { LearningRateFinder, learningRateFinderOptionsSchema } from "./callbacks/learning-rate-finder.ts";
import { LearningRateMonitor, learningRateMonitorOptionsSchema } from "./callbacks/learning-rate-monitor.ts";
import { ModelCheckpoint } from "./callbacks/model-checkpoint.ts";
import { modelCheckpointOptionsSchema } from "./callbacks/model-checkpoint-options.ts";
import { ModelSummary, modelSummaryOptionsSchema } from "./callbacks/model-summary.ts";
import { ProgressBar, progressBarOptionsSchema } from "./callbacks/progress-bar.ts";
import { ReplayCertificate, replayCertificateOptionsSchema } from "./callbacks/replay-certificate.ts";
import { Timer, timerOptionsSchema } from "./callbacks/timer.ts";
import { StochasticWeightAveraging, stochasticWeightAveragingOptionsSchema } from "./callbacks/weight-averaging.ts";
import { timedeltaSchema } from "./core/duration.ts";
import { loggerTargets } from "./loggers/index.ts";
import { metricTargets } from "./metrics/index.ts";
import { ChromeTraceProfiler } from "./profilers/chrome-trace.ts";
import { profilerOptionsSchema, SimpleProfiler } from "./profilers/simple.ts";
import { DDPStrategy, ddpOptionsSchema } from "./strategies/ddp.ts";
import { trainerOptionsSchema } from "./trainer/options.ts";
import { Trainer } from "./trainer/trainer.ts";

// An argument of `fit`, which configurations have beside the trainer's options.
registerOptionNames(["ckptPath"]);

const ignored = z.unknown().optional();

/** Lightning's bars take options of their drawing libraries: they are accepted, and mean nothing here. */
const progressBar = optionsTarget(
  progressBarOptionsSchema.extend({ processPosition: ignored, theme: ignored, consoleKwargs: ignored }),
  ({ processPosition: _position, theme: _theme, consoleKwargs: _console, ...options }) => new ProgressBar(options),
);

const callbacks: Readonly<Record<string, Target>> = {
  BackboneFinetuning: optionsTarget(backboneFinetuningOptionsSchema, (options) => new BackboneFinetuning(options)),
  BatchSizeFinder: optionsTarget(batchSizeFinderOptionsSchema, (options) => new BatchSizeFinder(options)),
  LearningRateFinder: optionsTarget(learningRateFinderOptionsSchema, (options) => new LearningRateFinder(options)),
  DeviceStatsMonitor: optionsTarget(deviceStatsMonitorOptionsSchema, (options) => new DeviceStatsMonitor(options)),
  GradientAccumulationScheduler: optionsTarget(
    gradientAccumulationSchedulerOptionsSchema,
    (options) => new GradientAccumulationScheduler(options),
  ),
  StochasticWeightAveraging: optionsTarget(
    stochasticWeightAveragingOptionsSchema,
    (options) => new StochasticWeightAveraging(options),
  ),
  EarlyStopping: optionsTarget(earlyStoppingOptionsSchema, (options) => new EarlyStopping(options)),
  LearningRateMonitor: optionsTarget(learningRateMonitorOptionsSchema, (options) => new LearningRateMonitor(options)),
  ModelCheckpoint: optionsTarget(modelCheckpointOptionsSchema, (options) => new ModelCheckpoint(options)),
  ModelSummary: optionsTarget(modelSummaryOptionsSchema, (options) => new ModelSummary(options)),
  RichModelSummary: optionsTarget(modelSummaryOptionsSchema, (options) => new ModelSummary(options)),
  ProgressBar: progressBar,
  ReplayCertificate: optionsTarget(replayCertificateOptionsSchema, (options) => new ReplayCertificate(options)),
  RichProgressBar: progressBar,
  TQDMProgressBar: progressBar,
  Timer: optionsTarget(timerOptionsSchema, (options) => new Timer(options)),
};

const profilers: Readonly<Record<string, Target>> = {
  SimpleProfiler: optionsTarget(profilerOptionsSchema, (options) => new SimpleProfiler(options)),
  PyTorchProfiler: optionsTarget(profilerOptionsSchema, (options) => new ChromeTraceProfiler(options)),
  ChromeTraceProfiler: optionsTarget(profilerOptionsSchema, (options) => new ChromeTraceProfiler(options)),
};

const strategies: Readonly<Record<string, Target>> = {
  DDPStrategy: optionsTarget(ddpOptionsSchema, (options) => new DDPStrategy(options)),
};

const trainer = optionsTarget(trainerOptionsSchema, (options) => new Trainer(options));

function under(prefix: string, table: Readonly<Record<string, Target>>): Record<string, Target> {
  return Object.fromEntries(
    Object.entries(table).flatMap(([name, target]) =>
      ["lightning.pytorch", "pytorch_lightning"].map((root) => [`${root}.${prefix}${name}`, target] as const),
    ),
  );
}

/** Everything of this package that a configuration may name, by Python's dotted names. */
export const targets: TargetTable = {
  ...under("", { Trainer: trainer }),
  ...under("callbacks.", callbacks),
  ...under("profilers.", profilers),
  ...under("strategies.", strategies),
  // What configurations give for `train_time_interval` and the like.
  "datetime.timedelta": optionsTarget(timedeltaSchema, (parts) => parts),
  "classifier_training.callbacks.ema.EMACallback": optionsTarget(
    emaOptionsSchema,
    (options) => new EMACallback(options),
  ),
  ...loggerTargets,
  ...metricTargets,
};
