export * from "./callbacks/index.ts";
export type { Checkpoint, LoopState, Phase } from "./checkpoint/checkpoint.ts";
export { findAll } from "./checkpoint/find.ts";
export {
  type Fingerprint,
  fingerprintDifferences,
  firstOf,
  type RunIdentity,
} from "./checkpoint/fingerprint.ts";
export type { CheckpointSummary } from "./checkpoint/format.ts";
export { CheckpointIO } from "./checkpoint/io.ts";
export { type CheckpointInspection, inspectCheckpoint, loadCheckpoint, summaryOf } from "./checkpoint/load.ts";
export type { Awaitable } from "./core/awaitable.ts";
export { LightningDataModule } from "./core/datamodule.ts";
export { LightningError, MisconfigurationError } from "./core/errors.ts";
export { nonFiniteWeight, refuseNonFiniteWeights } from "./core/finite.ts";
export { LightningOptimizer } from "./core/lightning-optimizer.ts";
export { LightningModule, type LoggedValue, type LogOptions, type TrainingStepOutput } from "./core/module.ts";
export type { LrScheduler, OptimizerSpec, SchedulerConfig, SchedulerOptions } from "./core/optimizers.ts";
export type { MetricValues, ReduceFx } from "./core/result-collection.ts";
export type { SaveOptions, Stage, Status, TrainerFn, TrainerView } from "./core/trainer-view.ts";
export type { BatchLoader, LoaderLike, LoaderPosition, LoaderSource, LoaderStats, Share } from "./data/batch-loader.ts";
export * from "./loggers/index.ts";
export * from "./metrics/index.ts";
export { ChromeTraceProfiler } from "./profilers/chrome-trace.ts";
export type { Profiler } from "./profilers/profiler.ts";
export { SimpleProfiler } from "./profilers/simple.ts";
export { type Cluster, isMainProcess } from "./strategies/cluster.ts";
export { type DDPOptions, DDPStrategy, leaveRanks } from "./strategies/ddp.ts";
export { setRankCommand } from "./strategies/launcher.ts";
export { SingleDeviceStrategy } from "./strategies/single-device.ts";
export type { Strategy } from "./strategies/strategy.ts";
export { targets } from "./targets.ts";
export { fastDevRunId } from "./trainer/checkpoint-connector.ts";
export {
  parseTrainerOptions,
  type TrainerOptions,
  type TrainerOptionsInput,
  trainerOptionsSchema,
} from "./trainer/options.ts";
export { TrainingInterrupted } from "./trainer/signal-connector.ts";
export { type EvaluateArguments, type FitArguments, type PredictArguments, Trainer } from "./trainer/trainer.ts";
