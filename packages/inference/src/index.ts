/** Exported models for services: loads, verifies and runs them, without LibTorch. */

export { type ByteImage, byteImage } from "@classifier-training/image";
export { classNamesOf, type LabelsMapping, labelsMappingSchema, parseLabelsMapping } from "@classifier-training/runs";
export { Classifier, type PredictOptions } from "./classifier.ts";
export { type ModelFiles, openModelFiles } from "./model-files.ts";
export { OnnxClassifier, type OnnxClassifierOptions } from "./onnx-classifier.ts";
export { type ImageInput, type ImageInput as Picture, Preprocessor } from "./preprocessor.ts";
export { type ClassProbability, topK } from "./top-k.ts";
export { type BundleCheck, verifyBundle } from "./verify-bundle.ts";
