// Made by "npm run targets" from targets.ts.
export const targetNames: readonly string[] = [
  "aim.pytorch_lightning.AimLogger",
  "dvclive.lightning.DVCLiveLogger",
  "lightning.pytorch.loggers.CSVLogger",
  "lightning.pytorch.loggers.CometLogger",
  "lightning.pytorch.loggers.LitLogger",
  "lightning.pytorch.loggers.MLFlowLogger",
  "lightning.pytorch.loggers.NeptuneLogger",
  "lightning.pytorch.loggers.TensorBoardLogger",
  "lightning.pytorch.loggers.TestTubeLogger",
  "lightning.pytorch.loggers.WandbLogger",
  "pytorch_lightning.loggers.CSVLogger",
  "pytorch_lightning.loggers.CometLogger",
  "pytorch_lightning.loggers.LitLogger",
  "pytorch_lightning.loggers.MLFlowLogger",
  "pytorch_lightning.loggers.NeptuneLogger",
  "pytorch_lightning.loggers.TensorBoardLogger",
  "pytorch_lightning.loggers.TestTubeLogger",
  "pytorch_lightning.loggers.WandbLogger",
  "swanlab.integration.pytorch_lightning.SwanLabLogger"
];
