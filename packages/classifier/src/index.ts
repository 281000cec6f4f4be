/** The product's classes, for programs and for projects that add their own. */

export { verifyBundle } from "@classifier-training/inference";
export { Callback, type LightningModule, type TrainerView } from "@classifier-training/lightning";
// Under their former names, too.
export {
  describeInterval,
  describeInterval as describeProportion,
  mcnemarTest,
  mcnemarTest as comparePaired,
  wilsonInterval,
  wilsonInterval as proportion,
} from "@classifier-training/runs";
export { nn, type Tensor } from "@classifier-training/torch";
export { defineTransform, type Transform } from "@classifier-training/vision";
export { z } from "zod";
export { createBundle } from "./bundle/create.ts";
export { type EpochPredictions, EvaluationCallback } from "./callbacks/evaluation.ts";
export { ClassificationDataModule, type SampleInfo } from "./data/classification-datamodule.ts";
export { ImageFolderDataModule } from "./data/image-folder-datamodule.ts";
export { evaluateClassifier, type ModelEvaluation } from "./evaluation/evaluate.ts";
export { compareModels, evaluationMarkdown } from "./evaluation/report.ts";
export { type Extension, registerExtension } from "./extensions.ts";
export * from "./inference/index.ts";
export { openClassifier } from "./inference/open-classifier.ts";
export { createClassificationModel } from "./model/build.ts";
export { type ClassificationBatch, ClassificationModel, type EvaluationOutput } from "./model/classification-model.ts";
export {
  type ClassificationModelOptions,
  // Its former name, which projects made by `classifier init` import.
  classificationModelOptionsSchema as classificationModelOptions,
  classificationModelOptionsSchema,
} from "./model/options.ts";
export { register } from "./register.ts";
export { registerAll } from "./registry.ts";
export { train } from "./training/train.ts";
