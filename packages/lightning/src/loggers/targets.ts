import { optionsTarget, type Target, type TargetTable } from "@classifier-training/base";
import { CSVLogger, csvLoggerOptionsSchema } from "./csv-logger.ts";
import { HistogramCallback, histogramCallbackOptionsSchema } from "./histogram-callback.ts";
import { MLFlowLogger, mlflowLoggerOptionsSchema } from "./mlflow-logger.ts";
import { TensorBoardLogger, tensorBoardLoggerOptionsSchema } from "./tensorboard-logger.ts";
import { wandbLoggerOptionsSchema } from "./wandb/options.ts";
import { WandbLogger } from "./wandb-logger.ts";

const loggers: Record<string, Target> = {
  CSVLogger: optionsTarget(csvLoggerOptionsSchema, (options) => new CSVLogger(options)),
  MLFlowLogger: optionsTarget(mlflowLoggerOptionsSchema, (options) => new MLFlowLogger(options)),
  TensorBoardLogger: optionsTarget(tensorBoardLoggerOptionsSchema, (options) => new TensorBoardLogger(options)),
  WandbLogger: optionsTarget(wandbLoggerOptionsSchema, (options) => new WandbLogger(options)),
};

/** The loggers, and what belongs to them, that a configuration may name. */
export const loggerTargets: TargetTable = {
  ...Object.fromEntries(
    Object.entries(loggers).flatMap(([name, target]) => [
      [`lightning.pytorch.loggers.${name}`, target],
      [`pytorch_lightning.loggers.${name}`, target],
    ]),
  ),
  "classifier_training.callbacks.histograms.HistogramCallback": optionsTarget(
    histogramCallbackOptionsSchema,
    (options) => new HistogramCallback(options),
  ),
};
