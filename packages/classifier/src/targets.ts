import { optionsTarget, type Target, type TargetTable } from "@classifier-training/base";
import { z } from "zod";
import { BestWeightsCallback, bestWeightsOptionsSchema } from "./callbacks/best-weights.ts";
import { ConfusionMatrixCallback, confusionMatrixOptionsSchema } from "./callbacks/confusion-matrix.ts";
import { DataCheckCallback, dataCheckOptionsSchema } from "./callbacks/data-check.ts";
import { DatasetStatisticsCallback } from "./callbacks/dataset-statistics.ts";
import { GradCAMCallback, gradCAMOptionsSchema } from "./callbacks/grad-cam.ts";
import { ModelInfoCallback, modelInfoOptionsSchema } from "./callbacks/model-info.ts";
import { ONNXExportCallback, onnxExportOptionsSchema } from "./callbacks/onnx-export.ts";
import { ClassificationReportCallback, classificationReportOptionsSchema } from "./callbacks/report.ts";
import { SampleVisualizationCallback, sampleVisualizationOptionsSchema } from "./callbacks/sample-visualization.ts";
import { SamplerDistributionCallback } from "./callbacks/sampler-distribution.ts";
import { TrainingHistoryCallback, trainingHistoryOptionsSchema } from "./callbacks/training-history.ts";
import { dataTargets } from "./data/image-folder-datamodule.ts";
import { modelTargets } from "./model/build.ts";

const withoutOptions = (create: () => unknown): Target => optionsTarget(z.strictObject({}), create);

const callbacks: TargetTable = {
  "best_weights.BestWeightsCallback": optionsTarget(
    bestWeightsOptionsSchema,
    (options) => new BestWeightsCallback(options),
  ),
  "confusion_matrix.ConfusionMatrixCallback": optionsTarget(
    confusionMatrixOptionsSchema,
    (options) => new ConfusionMatrixCallback(options),
  ),
  "grad_cam.GradCAMCallback": optionsTarget(gradCAMOptionsSchema, (options) => new GradCAMCallback(options)),
  "model_info.ModelInfoCallback": optionsTarget(modelInfoOptionsSchema, (options) => new ModelInfoCallback(options)),
  "onnx_export.ONNXExportCallback": optionsTarget(
    onnxExportOptionsSchema,
    (options) => new ONNXExportCallback(options),
  ),
  "plotting.TrainingHistoryCallback": optionsTarget(
    trainingHistoryOptionsSchema,
    (options) => new TrainingHistoryCallback(options),
  ),
  "report.ClassificationReportCallback": optionsTarget(
    classificationReportOptionsSchema,
    (options) => new ClassificationReportCallback(options),
  ),
  "sampler.SamplerDistributionCallback": withoutOptions(() => new SamplerDistributionCallback()),
  "data_check.DataCheckCallback": optionsTarget(dataCheckOptionsSchema, (options) => new DataCheckCallback(options)),
  "statistics.DatasetStatisticsCallback": withoutOptions(() => new DatasetStatisticsCallback()),
  "visualization.SampleVisualizationCallback": optionsTarget(
    sampleVisualizationOptionsSchema,
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
