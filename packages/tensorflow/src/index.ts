export { TensorflowError } from "./errors.ts";
export type { ImagePreprocessing } from "./preprocessing.ts";
export { readTflite, type TensorflowNetwork, type TfliteOptions } from "./tflite/read.ts";
