import {
  optionsTarget,
  registerOptionNames,
  type Target,
  type TargetTable,
  withForeignOptions,
} from "@classifier-training/base";
import { z } from "zod";
import { BackboneFinetuning, backboneFinetuningOptionsSchema } from "./callbacks/backbone-finetuning.ts";
import { BatchSizeFinder, batchSizeFinderOptionsSchema } from "./callbacks/batch-size-finder.ts";
import { DeterminismLog, determinismLogOptionsSchema } from "./callbacks/determinism-log.ts";
import { DeviceStatsMonitor, deviceStatsMonitorOptionsSchema } from "./callbacks/device-stats-monitor.ts";
import { EarlyStopping, earlyStoppingOptionsSchema } from "./callbacks/early-stopping.ts";
import { EMACallback, emaOptionsSchema } from "./callbacks/ema.ts";
import { FitToTime, fitToTimeOptionsSchema } from "./callbacks/fit-to-time.ts";
import {
  GradientAccumulationScheduler,
  gradientAccumulationSchedulerOptionsSchema,
} from "./callbacks/gradient-accumulation-scheduler.ts";
import { HistogramCallback, histogramCallbackOptionsSchema } from "./callbacks/histogram-callback.ts";
import { LearningRateFinder, learningRateFinderOptionsSchema } from "./callbacks/learning-rate-finder.ts";
import { LearningRateMonitor, learningRateMonitorOptionsSchema } from "./callbacks/learning-rate-monitor.ts";
import { ModelCheckpoint } from "./callbacks/model-checkpoint.ts";
import { modelCheckpointOptionsSchema } from "./callbacks/model-checkpoint-options.ts";
import { ModelSummary, modelSummaryOptionsSchema } from "./callbacks/model-summary.ts";
import { ProgressBar, progressBarOptionsSchema } from "./callbacks/progress-bar.ts";
import { SystemMetricsMonitor, systemMetricsMonitorOptionsSchema } from "./callbacks/system-metrics-monitor.ts";
import { Timer, timerOptionsSchema } from "./callbacks/timer.ts";
import { StochasticWeightAveraging, stochasticWeightAveragingOptionsSchema } from "./callbacks/weight-averaging.ts";
import { CheckpointIO } from "./checkpoint/io.ts";
import { metricTargets } from "./metrics/index.ts";
import { ClusterEnvironment, clusterEnvironmentOptionsSchema } from "./plugins/cluster-environment.ts";
import { ChromeTraceProfiler } from "./profilers/chrome-trace.ts";
import { passThroughProfiler } from "./profilers/profiler.ts";
import { profilerOptionsSchema, SimpleProfiler } from "./profilers/simple.ts";
import { refusedTargets } from "./refused-targets.ts";
import { DDPStrategy, ddpOptionsSchema } from "./strategies/ddp.ts";
import { SingleDeviceStrategy } from "./strategies/single-device.ts";
import { trainerOptionsSchema } from "./trainer/options.ts";
import { removedTrainerOptions } from "./trainer/removed-options.ts";
import { Trainer } from "./trainer/trainer.ts";
import { timedeltaSchema } from "./utilities/duration.ts";

// An argument of `fit`, which configurations have beside the trainer's options.
registerOptionNames(["ckptPath"]);

/** Lightning's drawing options: they are accepted, and mean nothing here. */
const unused = (...names: readonly string[]) => Object.fromEntries(names.map((name) => [name, {}]));
const isUnset = (value: unknown) => value === null;

const progressBar = withForeignOptions(
  optionsTarget(progressBarOptionsSchema, (options) => new ProgressBar(options)),
  unused("process_position", "theme", "console_kwargs", "refresh_rate_per_second"),
);
const modelSummary = withForeignOptions(
  optionsTarget(modelSummaryOptionsSchema, (options) => new ModelSummary(options)),
  unused("show_header", "header_style", "column_style", "summary_settings"),
);

/** Under its name of earlier versions, too. */
const determinismLog = optionsTarget(determinismLogOptionsSchema, (options) => new DeterminismLog(options));

const callbacks: Readonly<Record<string, Target>> = {
  BackboneFinetuning: optionsTarget(backboneFinetuningOptionsSchema, (options) => new BackboneFinetuning(options)),
  BatchSizeFinder: optionsTarget(batchSizeFinderOptionsSchema, (options) => new BatchSizeFinder(options)),
  LearningRateFinder: optionsTarget(learningRateFinderOptionsSchema, (options) => new LearningRateFinder(options)),
  DeviceStatsMonitor: optionsTarget(deviceStatsMonitorOptionsSchema, (options) => new DeviceStatsMonitor(options)),
  FitToTime: optionsTarget(fitToTimeOptionsSchema, (options) => new FitToTime(options)),
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
  ModelCheckpoint: withForeignOptions(
    optionsTarget(modelCheckpointOptionsSchema, (options) => new ModelCheckpoint(options)),
    {
      period: { means: "every_n_epochs" },
      every_n_val_epochs: { means: "every_n_epochs" },
      filepath: { accepts: isUnset, fix: "use dirpath and filename" },
      prefix: { accepts: (value) => !value, fix: "write it into filename" },
    },
  ),
  ModelSummary: modelSummary,
  RichModelSummary: modelSummary,
  ProgressBar: progressBar,
  DeterminismLog: determinismLog,
  ReplayCertificate: determinismLog,
  RichProgressBar: progressBar,
  TQDMProgressBar: progressBar,
  SystemMetricsMonitor: optionsTarget(
    systemMetricsMonitorOptionsSchema,
    (options) => new SystemMetricsMonitor(options),
  ),
  Timer: optionsTarget(timerOptionsSchema, (options) => new Timer(options)),
};

const simpleProfiler = withForeignOptions(
  optionsTarget(profilerOptionsSchema, (options) => new SimpleProfiler(options)),
  unused("extended", "line_count_restriction", "output_filename"),
);
const traceProfiler = withForeignOptions(
  optionsTarget(profilerOptionsSchema, (options) => new ChromeTraceProfiler(options)),
  unused(
    ...["group_by_input_shapes", "emit_nvtx", "export_to_chrome", "row_limit", "sort_by_key", "record_module_names"],
    ...["table_kwargs", "record_shapes", "profile_memory", "with_stack", "with_flops", "with_modules", "schedule"],
    ...["activities", "use_cuda", "on_trace_ready", "experimental_config"],
  ),
);

const profilers: Readonly<Record<string, Target>> = {
  SimpleProfiler: simpleProfiler,
  AdvancedProfiler: simpleProfiler,
  PyTorchProfiler: traceProfiler,
  ChromeTraceProfiler: traceProfiler,
  PassThroughProfiler: withForeignOptions(
    optionsTarget(z.strictObject({}), () => passThroughProfiler),
    unused("dirpath", "filename"),
  ),
};

const strategies: Readonly<Record<string, Target>> = {
  DDPStrategy: withForeignOptions(
    optionsTarget(ddpOptionsSchema, (options) => new DDPStrategy(options)),
    {
      ...unused("start_method", "bucket_cap_mb", "model_averaging_period", "broadcast_buffers", "parallel_devices"),
      cluster_environment: { fix: "leave it out: it is found by itself" },
      accelerator: { accepts: isUnset, fix: "use trainer.accelerator" },
      checkpoint_io: { accepts: isUnset, fix: "give it as one of trainer.plugins" },
      precision_plugin: { accepts: isUnset, fix: "use trainer.precision" },
      ddp_comm_state: { accepts: isUnset },
      ddp_comm_hook: { accepts: isUnset, fix: "leave it out: gradients are averaged as they are" },
      ddp_comm_wrapper: { accepts: isUnset },
    },
  ),
  SingleDeviceStrategy: optionsTarget(
    z.strictObject({ device: z.string().default("cpu") }),
    ({ device }) => new SingleDeviceStrategy(device),
  ),
};

const environment = withForeignOptions(
  optionsTarget(clusterEnvironmentOptionsSchema, (options) => new ClusterEnvironment(options)),
  unused("requeue_signal", "main_address", "main_port"),
);

const plugins: Readonly<Record<string, Target>> = {
  "environments.LightningEnvironment": environment,
  "environments.SLURMEnvironment": environment,
  "environments.TorchElasticEnvironment": environment,
  "io.TorchCheckpointIO": optionsTarget(z.strictObject({}), () => new CheckpointIO({ asynchronous: false })),
  "io.AsyncCheckpointIO": withForeignOptions(
    optionsTarget(z.strictObject({}), () => new CheckpointIO({ asynchronous: true })),
    unused("checkpoint_io"),
  ),
};

/** Trainer's constructor, with what older Lightnings took. */
export const trainerTarget = withForeignOptions(
  optionsTarget(trainerOptionsSchema, (options) => new Trainer(options)),
  removedTrainerOptions,
);

function under(prefix: string, table: Readonly<Record<string, Target>>): Record<string, Target> {
  return Object.fromEntries(
    Object.entries(table).flatMap(([name, target]) =>
      ["lightning.pytorch", "pytorch_lightning"].map((root) => [`${root}.${prefix}${name}`, target] as const),
    ),
  );
}

/** Everything of this package that a configuration may name, by Python's dotted names. */
export const targets: TargetTable = {
  ...under("", { Trainer: trainerTarget, ...refusedTargets }),
  "lightning.Trainer": trainerTarget,
  ...under("callbacks.", callbacks),
  ...under("profilers.", profilers),
  ...under("strategies.", strategies),
  ...under("plugins.", plugins),
  // What configurations give for `train_time_interval` and the like.
  "datetime.timedelta": optionsTarget(timedeltaSchema, (parts) => parts),
  "classifier_training.callbacks.ema.EMACallback": optionsTarget(
    emaOptionsSchema,
    (options) => new EMACallback(options),
  ),
  "classifier_training.callbacks.histograms.HistogramCallback": optionsTarget(
    histogramCallbackOptionsSchema,
    (options) => new HistogramCallback(options),
  ),
  ...metricTargets,
};
