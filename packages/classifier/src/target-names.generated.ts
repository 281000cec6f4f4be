// Made by "npm run targets" from targets.ts.
export const targetNames: readonly string[] = [
  "classifier_training.callbacks.best_weights.BestWeightsCallback",
  "classifier_training.callbacks.confusion_matrix.ConfusionMatrixCallback",
  "classifier_training.callbacks.data_check.DataCheckCallback",
  "classifier_training.callbacks.grad_cam.GradCAMCallback",
  "classifier_training.callbacks.model_info.ModelInfoCallback",
  "classifier_training.callbacks.onnx_export.ONNXExportCallback",
  "classifier_training.callbacks.plotting.TrainingHistoryCallback",
  "classifier_training.callbacks.report.ClassificationReportCallback",
  "classifier_training.callbacks.sampler.SamplerDistributionCallback",
  "classifier_training.callbacks.statistics.DatasetStatisticsCallback",
  "classifier_training.callbacks.visualization.SampleVisualizationCallback",
  "classifier_training.data.datamodule.ImageFolderDataModule",
  "classifier_training.models.ClassificationModel",
  "classifier_training.models.FileClassificationModel",
  "classifier_training.models.resnet.ResNet18ClassificationModel",
  "classifier_training.models.resnet.ResNet34ClassificationModel",
  "classifier_training.models.resnet.ResNet50ClassificationModel"
];
