export { type Backbone, BackboneFinetuning } from "./backbone-finetuning.ts";
export { BatchSizeFinder } from "./batch-size-finder.ts";
export { formatCheckpointName } from "./checkpoint-name.ts";
export {
  checkReproducibility,
  compareDeterminismLogs,
  DeterminismLog,
  type DeterminismRecord,
  type ReproducibilityCheck,
  readDeterminismLog,
} from "./determinism-log.ts";
export { DeviceStatsMonitor } from "./device-stats-monitor.ts";
export { EarlyStopping, type EarlyStoppingOptions, type StoppingReason } from "./early-stopping.ts";
export { EMACallback, type EMAOptions } from "./ema.ts";
export { FitToTime } from "./fit-to-time.ts";
export { GradientAccumulationScheduler } from "./gradient-accumulation-scheduler.ts";
export { HistogramCallback } from "./histogram-callback.ts";
export { LearningRateFinder } from "./learning-rate-finder.ts";
export { LearningRateMonitor } from "./learning-rate-monitor.ts";
export { ModelCheckpoint } from "./model-checkpoint.ts";
export type { ModelCheckpointOptions } from "./model-checkpoint-options.ts";
export { ModelSummary } from "./model-summary.ts";
export { ProgressBar, type ProgressBarOptions, type ProgressOutput } from "./progress-bar.ts";
export { SystemMetricsMonitor } from "./system-metrics-monitor.ts";
export { Timer } from "./timer.ts";
export { StochasticWeightAveraging } from "./weight-averaging.ts";
