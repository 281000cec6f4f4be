import { classNamesOf, type LabelsMapping } from "./labels-mapping.ts";
import type { Picture, Preprocessor } from "./preprocessor.ts";
import { type ClassProbability, likeliest } from "./probabilities.ts";

export interface PredictOptions {
  /** How many classes to return, the likeliest first (default 5). */
  readonly topK?: number;
  /** Pictures per run of the model (default 32). */
  readonly batchSize?: number;
}

/** A trained model that classifies pictures, whatever runs it; pictures are prepared as validation did in training. */
export abstract class Classifier {
  readonly mapping: LabelsMapping;
  /** Class names by index. */
  readonly classNames: readonly string[];
  readonly #preprocessor: Preprocessor;

  constructor(preprocessor: Preprocessor) {
    this.mapping = preprocessor.mapping;
    this.classNames = classNamesOf(this.mapping);
    this.#preprocessor = preprocessor;
  }

  /**
   * Runs the model on a batch.
   * @param data prepared pictures, `[N, 3, H, W]` one after the other
   * @returns logits, `[N, K]` row by row
   */
  protected abstract run(data: Float32Array, shape: readonly [number, 3, number, number]): Promise<Float32Array>;

  /** Frees the model. */
  abstract close(): Promise<void>;

  /**
   * @param pictures paths, or files in memory (JPEG, PNG, WebP, ...)
   * @returns for each picture the likeliest classes, best first
   * @throws CtError naming the picture that cannot be decoded
   */
  async predict(
    pictures: readonly Picture[],
    { topK = 5, batchSize = 32 }: PredictOptions = {},
  ): Promise<ClassProbability[][]> {
    const rows = await this.logits(pictures, batchSize);
    return rows.map((row) => likeliest(row, this.classNames, topK));
  }

  /** The model's raw outputs: one row of K logits a picture. */
  async logits(pictures: readonly Picture[], batchSize = 32): Promise<Float32Array[]> {
    const { height, width } = this.#preprocessor;
    const size = 3 * height * width;
    const rows: Float32Array[] = [];
    for (let start = 0; start < pictures.length; start += batchSize) {
      const batch = pictures.slice(start, start + batchSize);
      const data = new Float32Array(batch.length * size);
      const prepared = await Promise.all(batch.map((picture) => this.#preprocessor.prepare(picture)));
      for (const [i, picture] of prepared.entries()) data.set(picture, i * size);
      const logits = await this.run(data, [batch.length, 3, height, width]);
      const classes = logits.length / batch.length;
      rows.push(...batch.map((_, i) => logits.subarray(i * classes, (i + 1) * classes)));
    }
    return rows;
  }
}
