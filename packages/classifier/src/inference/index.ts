/** The light entry point for services: exported models, without LibTorch. */
export { classNamesOf, type LabelsMapping, labelsMappingSchema, parseLabelsMapping } from "./labels-mapping.ts";
export {
  type ClassProbability,
  OnnxClassifier,
  type OnnxClassifierOptions,
  type PredictOptions,
} from "./onnx-classifier.ts";
export type { Picture } from "./preprocessor.ts";
