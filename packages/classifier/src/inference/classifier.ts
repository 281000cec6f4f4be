import type { ClassProbability, PredictOptions } from "./onnx-classifier.ts";
import type { Picture } from "./preprocessor.ts";

/** A trained model that classifies pictures, whatever runs it. */
export interface Classifier {
  readonly classNames: readonly string[];
  predict(pictures: readonly Picture[], options?: PredictOptions): Promise<ClassProbability[][]>;
  /** @returns one row of K logits a picture */
  logits(pictures: readonly Picture[], batchSize?: number): Promise<Float32Array[]>;
  close(): Promise<void>;
}
