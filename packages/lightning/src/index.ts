export * from "./callbacks/index.ts";
export type { Checkpoint, LoopState, Phase } from "./checkpoint/checkpoint.ts";
export { findAll } from "./checkpoint/find.ts";
export type { CheckpointSummary } from "./checkpoint/format.ts";
export { CheckpointIO } from "./checkpoint/io.ts";
export { type CheckpointInspection, inspectCheckpoint, loadCheckpoint, summaryOf } from "./checkpoint/load.ts";
export {
  firstOf,
  type RunIdentity,
  type RunSignature,
  signatureDifferences,
} from "./checkpoint/run-signature.ts";
export { estimateBatchNorms } from "./core/batch-norms.ts";
export { Callback, type CallbackHook } from "./core/callback.ts";
export { LightningDataModule } from "./core/datamodule.ts";
export type { LightningOptimizer } from "./core/lightning-optimizer.ts";
export {
  LightningModule,
  type LoggedValue,
  type LogOptions,
  type StepOutputs,
  type TrainingStepOutput,
} from "./core/module.ts";
export type { LrScheduler, OptimizerSpec, SchedulerConfig, SchedulerOptions } from "./core/optimizers.ts";
export type { SaveOptions, Stage, Status, TrainerFn, TrainerView } from "./core/trainer-view.ts";
export { asModelInput, copyWeights, disposeWeights, withWeights } from "./core/with-weights.ts";
export type { BatchLoader, LoaderLike, LoaderPosition, LoaderSource, LoaderStats, Shard } from "./data/batch-loader.ts";
export * from "./loggers/index.ts";
export * from "./metrics/index.ts";
export type { MetricValues, ReduceFx } from "./metrics/logged-values.ts";
export { ChromeTraceProfiler } from "./profilers/chrome-trace.ts";
export type { Profiler } from "./profilers/profiler.ts";
export { SimpleProfiler } from "./profilers/simple.ts";
export { fastDevRunId } from "./run/checkpoint-choice.ts";
export type { ResolvedOptions } from "./run/resolved-options.ts";
export { TrainingInterrupted } from "./run/signal-connector.ts";
export type { Cluster } from "./strategies/cluster.ts";
export { type DDPOptions, DDPStrategy, leaveRanks } from "./strategies/ddp.ts";
export { setRankCommand } from "./strategies/launcher.ts";
export { SingleDeviceStrategy } from "./strategies/single-device.ts";
export type { Strategy } from "./strategies/strategy.ts";
export { targets } from "./targets.ts";
export type { TrainerOptions } from "./trainer/options.ts";
export { type EvaluateArguments, type FitArguments, type PredictArguments, Trainer } from "./trainer/trainer.ts";
export type { Awaitable } from "./utilities/awaitable.ts";
export { LightningError, MisconfigurationError } from "./utilities/errors.ts";
export { nonFiniteWeight, refuseNonFiniteWeights } from "./utilities/finite.ts";
export { SystemSampler } from "./utilities/system-sampler.ts";
