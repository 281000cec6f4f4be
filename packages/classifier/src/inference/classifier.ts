import type { Picture } from "./preprocessor.ts";
import type { ClassProbability } from "./probabilities.ts";

export interface PredictOptions {
  /** How many classes to return, the likeliest first (default 5). */
  readonly topK?: number;
  /** Pictures per run of the model (default 32). */
  readonly batchSize?: number;
}

/** A trained model that classifies pictures, whatever runs it. */
export interface Classifier {
  readonly classNames: readonly string[];
  predict(pictures: readonly Picture[], options?: PredictOptions): Promise<ClassProbability[][]>;
  /** @returns one row of K logits a picture */
  logits(pictures: readonly Picture[], batchSize?: number): Promise<Float32Array[]>;
  close(): Promise<void>;
}
