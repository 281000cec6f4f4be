import { optionsTarget, type Target, type TargetTable } from "@classifier-training/base";
import { BestWeightsCallback, bestWeightsOptions } from "./callbacks/best-weights.ts";
import { ConfusionMatrixCallback, confusionMatrixOptions } from "./callbacks/confusion-matrix.ts";
import { DatasetStatisticsCallback } from "./callbacks/dataset-statistics.ts";
import { GradCAMCallback, gradCAMOptions } from "./callbacks/grad-cam.ts";
import { ModelInfoCallback, modelInfoOptions } from "./callbacks/model-info.ts";
import { ONNXExportCallback, onnxExportOptions } from "./callbacks/onnx-export.ts";
import { ClassificationReportCallback, classificationReportOptions } from "./callbacks/report.ts";
import { SampleVisualizationCallback, sampleVisualizationOptions } from "./callbacks/sample-visualization.ts";
import { SamplerDistributionCallback } from "./callbacks/sampler-distribution.ts";
import { TrainingHistoryCallback, trainingHistoryOptions } from "./callbacks/training-history.ts";
import { UprightCallback, uprightOptions } from "./callbacks/upright.ts";
import { dataTargets } from "./data/image-folder-datamodule.ts";
import { modelTargets } from "./model/resnet.ts";

const nothing = { shape: {}, parse: () => ({}) };
const withoutOptions = (create: () => unknown): Target => optionsTarget(nothing, create);

const callbacks: TargetTable = {
  "best_weights.BestWeightsCallback": optionsTarget(bestWeightsOptions, (options) => new BestWeightsCallback(options)),
  "confusion_matrix.ConfusionMatrixCallback": optionsTarget(
    confusionMatrixOptions,
    (options) => new ConfusionMatrixCallback(options),
  ),
  "grad_cam.GradCAMCallback": optionsTarget(gradCAMOptions, (options) => new GradCAMCallback(options)),
  "model_info.ModelInfoCallback": optionsTarget(modelInfoOptions, (options) => new ModelInfoCallback(options)),
  "onnx_export.ONNXExportCallback": optionsTarget(onnxExportOptions, (options) => new ONNXExportCallback(options)),
  "plotting.TrainingHistoryCallback": optionsTarget(
    trainingHistoryOptions,
    (options) => new TrainingHistoryCallback(options),
  ),
  "report.ClassificationReportCallback": optionsTarget(
    classificationReportOptions,
    (options) => new ClassificationReportCallback(options),
  ),
  "sampler.SamplerDistributionCallback": withoutOptions(() => new SamplerDistributionCallback()),
  "statistics.DatasetStatisticsCallback": withoutOptions(() => new DatasetStatisticsCallback()),
  "upright.UprightCallback": optionsTarget(uprightOptions, (options) => new UprightCallback(options)),
  "visualization.SampleVisualizationCallback": optionsTarget(
    sampleVisualizationOptions,
    (options) => new SampleVisualizationCallback(options),
  ),
};

/** What a configuration may name below `classifier_training`. */
export const targets: TargetTable = {
  ...Object.fromEntries(
    Object.entries(callbacks).map(([name, target]) => [`classifier_training.callbacks.${name}`, target]),
  ),
  ...dataTargets,
  ...modelTargets,
};
