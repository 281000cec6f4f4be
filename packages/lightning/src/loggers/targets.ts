import { optionsTarget, type Target, type TargetTable } from "@classifier-training/base";
import { CSVLogger, csvLoggerOptions } from "./csv-logger.ts";
import { HistogramCallback, histogramCallbackOptions } from "./histogram-callback.ts";
import { MLFlowLogger, mlflowLoggerOptions } from "./mlflow-logger.ts";
import { TensorBoardLogger, tensorBoardLoggerOptions } from "./tensorboard-logger.ts";
import { wandbLoggerOptions } from "./wandb/options.ts";
import { WandbLogger } from "./wandb-logger.ts";

const loggers: Record<string, Target> = {
  CSVLogger: optionsTarget(csvLoggerOptions, (options) => new CSVLogger(options)),
  MLFlowLogger: optionsTarget(mlflowLoggerOptions, (options) => new MLFlowLogger(options)),
  TensorBoardLogger: optionsTarget(tensorBoardLoggerOptions, (options) => new TensorBoardLogger(options)),
  WandbLogger: optionsTarget(wandbLoggerOptions, (options) => new WandbLogger(options)),
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
    histogramCallbackOptions,
    (options) => new HistogramCallback(options),
  ),
};
