export { CSVLogger, type CSVLoggerOptions } from "@classifier-training/lightning";
export { type MlflowSyncOptions, type SyncedMlflowRun, syncMlflow } from "./mlflow/sync.ts";
export { MLFlowLogger, type MLFlowLoggerOptions } from "./mlflow-logger.ts";
export { targets } from "./targets.ts";
export { TensorBoardLogger, type TensorBoardLoggerOptions } from "./tensorboard-logger.ts";
export type { WandbLoggerOptions } from "./wandb/options.ts";
export { type SyncedRun, type SyncOptions, syncWandb } from "./wandb/sync.ts";
export { WandbLogger } from "./wandb-logger.ts";
