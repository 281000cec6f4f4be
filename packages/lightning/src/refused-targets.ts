import { refusedTarget, type Target } from "@classifier-training/base";

const gone = (name: string, instead: string) => refusedTarget(`${name} belongs to an older Lightning`, instead);
const foreign = (name: string, instead: string) => refusedTarget(`${name} is not built in`, instead);
const wholeModels = "models are trained whole on each device: use trainer.strategy=ddp";
const precision = (name: string) => `use trainer.precision=${name}`;

/** Names of Lightning below `lightning.pytorch` that cannot be had here, with the way out. */
export const refusedTargets: Readonly<Record<string, Target>> = {
  "callbacks.GPUStatsMonitor": gone("GPUStatsMonitor", "use lightning.pytorch.callbacks.DeviceStatsMonitor"),
  "callbacks.XLAStatsMonitor": gone("XLAStatsMonitor", "use lightning.pytorch.callbacks.DeviceStatsMonitor"),
  "callbacks.QuantizationAwareTraining": gone(
    "QuantizationAwareTraining",
    "export the model and quantize the ONNX file",
  ),
  "callbacks.ModelPruning": foreign("ModelPruning", "leave it out"),
  "callbacks.LambdaCallback": foreign(
    "LambdaCallback",
    "write a class that extends Callback, and name it './callback.ts#Name'",
  ),
  "callbacks.BasePredictionWriter": foreign(
    "BasePredictionWriter",
    "write a class that extends Callback, and name it './callback.ts#Name'",
  ),
  "callbacks.BaseFinetuning": foreign("BaseFinetuning", "use lightning.pytorch.callbacks.BackboneFinetuning"),
  "callbacks.OnExceptionCheckpoint": foreign("OnExceptionCheckpoint", "use save_on_exception: true of ModelCheckpoint"),
  "callbacks.ThroughputMonitor": foreign("ThroughputMonitor", "leave it out: the progress bar shows images per second"),
  "callbacks.SpikeDetection": foreign("SpikeDetection", "leave it out"),
  "callbacks.WeightAveraging": foreign("WeightAveraging", "use classifier_training.callbacks.ema.EMACallback"),
  "callbacks.EMAWeightAveraging": foreign("EMAWeightAveraging", "use classifier_training.callbacks.ema.EMACallback"),
  "profilers.XLAProfiler": foreign("XLAProfiler", "use lightning.pytorch.profilers.PyTorchProfiler"),
  "strategies.FSDPStrategy": foreign("FSDPStrategy", wholeModels),
  "strategies.DDPFullyShardedStrategy": gone("DDPFullyShardedStrategy", wholeModels),
  "strategies.DDPShardedStrategy": gone("DDPShardedStrategy", wholeModels),
  "strategies.DDPSpawnStrategy": gone("DDPSpawnStrategy", "use trainer.strategy=ddp"),
  "strategies.DDP2Strategy": gone("DDP2Strategy", "use trainer.strategy=ddp"),
  "strategies.DataParallelStrategy": gone("DataParallelStrategy", "use trainer.strategy=ddp"),
  "strategies.HorovodStrategy": gone("HorovodStrategy", "use trainer.strategy=ddp"),
  "strategies.DeepSpeedStrategy": foreign("DeepSpeedStrategy", wholeModels),
  "strategies.ModelParallelStrategy": foreign("ModelParallelStrategy", wholeModels),
  "strategies.SingleDeviceXLAStrategy": foreign("SingleDeviceXLAStrategy", "use trainer.accelerator=auto"),
  "strategies.XLAStrategy": foreign("XLAStrategy", "use trainer.accelerator=auto"),
  "plugins.MixedPrecision": foreign("MixedPrecision", precision("16-mixed or bf16-mixed")),
  "plugins.MixedPrecisionPlugin": gone("MixedPrecisionPlugin", precision("16-mixed or bf16-mixed")),
  "plugins.NativeMixedPrecisionPlugin": gone("NativeMixedPrecisionPlugin", precision("16-mixed or bf16-mixed")),
  "plugins.ApexMixedPrecisionPlugin": gone("ApexMixedPrecisionPlugin", precision("16-mixed or bf16-mixed")),
  "plugins.DoublePrecision": foreign("DoublePrecision", precision("64-true")),
  "plugins.HalfPrecision": foreign("HalfPrecision", precision("16-true or bf16-true")),
  "plugins.Precision": foreign("Precision", precision("32-true")),
  "plugins.BitsandbytesPrecision": foreign("BitsandbytesPrecision", precision("bf16-true")),
  "plugins.TransformerEnginePrecision": foreign("TransformerEnginePrecision", precision("bf16-mixed")),
  "plugins.DDPPlugin": gone("DDPPlugin", "use trainer.strategy=ddp"),
  "plugins.TorchSyncBatchNorm": foreign("TorchSyncBatchNorm", "use trainer.sync_batchnorm=true"),
};
