/** The light entry point for services: exported models, without LibTorch. */

export { classNamesOf, type LabelsMapping, labelsMappingSchema, parseLabelsMapping } from "@classifier-training/runs";
export { Classifier, type PredictOptions } from "./classifier.ts";
export { OnnxClassifier, type OnnxClassifierOptions } from "./onnx-classifier.ts";
export { type Picture, Preprocessor } from "./preprocessor.ts";
export type { ClassProbability } from "./probabilities.ts";
