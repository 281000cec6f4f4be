export { TensorflowError } from "./errors.ts";
export type { ImagePreprocessing, TensorflowNetwork } from "./network.ts";
export { readTfjs } from "./tfjs/read.ts";
export { readTflite, type TfliteOptions } from "./tflite/read.ts";
