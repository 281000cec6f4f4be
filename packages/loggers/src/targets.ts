import { optionsTarget, refusedTarget, type Target, type TargetTable } from "@classifier-training/base";
import { CSVLogger, csvLoggerOptionsSchema } from "@classifier-training/lightning";
import { MLFlowLogger, mlflowLoggerOptionsSchema } from "./mlflow-logger.ts";
import { TensorBoardLogger, tensorBoardLoggerOptionsSchema } from "./tensorboard-logger.ts";
import { wandbLoggerOptionsSchema } from "./wandb/options.ts";
import { WandbLogger } from "./wandb-logger.ts";

const instead = "use lightning.pytorch.loggers.WandbLogger, MLFlowLogger, TensorBoardLogger or CSVLogger";
const notBuiltIn = (name: string) => refusedTarget(`${name} is not built in`, instead);

const loggers: Record<string, Target> = {
  CSVLogger: optionsTarget(csvLoggerOptionsSchema, (options) => new CSVLogger(options)),
  MLFlowLogger: optionsTarget(mlflowLoggerOptionsSchema, (options) => new MLFlowLogger(options)),
  TensorBoardLogger: optionsTarget(tensorBoardLoggerOptionsSchema, (options) => new TensorBoardLogger(options)),
  WandbLogger: optionsTarget(wandbLoggerOptionsSchema, (options) => new WandbLogger(options)),
  CometLogger: notBuiltIn("CometLogger"),
  NeptuneLogger: notBuiltIn("NeptuneLogger"),
  LitLogger: notBuiltIn("LitLogger"),
  TestTubeLogger: refusedTarget(
    "TestTubeLogger belongs to an older Lightning",
    "use lightning.pytorch.loggers.TensorBoardLogger",
  ),
};

/** The loggers that a configuration may name, by Python's dotted names. */
export const targets: TargetTable = {
  ...Object.fromEntries(
    Object.entries(loggers).flatMap(([name, target]) => [
      [`lightning.pytorch.loggers.${name}`, target],
      [`pytorch_lightning.loggers.${name}`, target],
    ]),
  ),
  "aim.pytorch_lightning.AimLogger": notBuiltIn("AimLogger"),
  "dvclive.lightning.DVCLiveLogger": notBuiltIn("DVCLiveLogger"),
  "swanlab.integration.pytorch_lightning.SwanLabLogger": notBuiltIn("SwanLabLogger"),
};
