export { CSVLogger, type CSVLoggerOptions } from "./csv-logger.ts";
export { GuardedLogger } from "./guarded-logger.ts";
export { HistogramCallback } from "./histogram-callback.ts";
export {
  type CheckpointSource,
  type FinalStatus,
  type Hyperparams,
  type LoggedImage,
  type LoggedTable,
  Logger,
  type PlainValue,
} from "./logger.ts";
export { type MlflowSyncOptions, type SyncedMlflowRun, syncMlflow } from "./mlflow/sync.ts";
export { MLFlowLogger, type MLFlowLoggerOptions } from "./mlflow-logger.ts";
export { loggerTargets } from "./targets.ts";
export { TensorBoardLogger, type TensorBoardLoggerOptions } from "./tensorboard-logger.ts";
export type { WandbLoggerOptions } from "./wandb/options.ts";
export { type SyncedRun, type SyncOptions, syncWandb } from "./wandb/sync.ts";
export { WandbLogger } from "./wandb-logger.ts";
