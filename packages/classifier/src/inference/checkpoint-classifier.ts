import { fromTypedArray, noGrad, scope } from "@classifier-training/torch";
import type { ClassificationModel } from "../model/classification-model.ts";
import { type ModelRecipe, openCheckpoint } from "../model/recipe.ts";
import type { Classifier, PredictOptions } from "./classifier.ts";
import { classNamesOf } from "./labels-mapping.ts";
import { type Picture, Preprocessor } from "./preprocessor.ts";
import { type ClassProbability, likeliest } from "./probabilities.ts";

/** A checkpoint as a classifier, run by LibTorch. The checkpoint carries what it takes to build the network again. */
export class CheckpointClassifier implements Classifier {
  readonly classNames: readonly string[];
  readonly #model: ClassificationModel;
  readonly #preprocessor: Preprocessor;

  private constructor(model: ClassificationModel, recipe: ModelRecipe) {
    this.#model = model;
    this.#preprocessor = new Preprocessor(recipe.labels);
    this.classNames = classNamesOf(recipe.labels);
  }

  /** @throws CtError for a file that is no checkpoint of a classifier of this project */
  static async load(path: string): Promise<CheckpointClassifier> {
    const { model, recipe } = openCheckpoint(path);
    return new CheckpointClassifier(model, recipe);
  }

  async predict(
    pictures: readonly Picture[],
    { topK = 5, batchSize = 32 }: PredictOptions = {},
  ): Promise<ClassProbability[][]> {
    const rows = await this.logits(pictures, batchSize);
    return rows.map((row) => likeliest(row, this.classNames, topK));
  }

  async logits(pictures: readonly Picture[], batchSize = 32): Promise<Float32Array[]> {
    const { height, width } = this.#preprocessor;
    const rows: Float32Array[] = [];
    for (let start = 0; start < pictures.length; start += batchSize) {
      const batch = pictures.slice(start, start + batchSize);
      const inputs = await Promise.all(batch.map((picture) => this.#preprocessor.prepare(picture)));
      const size = 3 * height * width;
      const data = new Float32Array(inputs.length * size);
      for (const [i, input] of inputs.entries()) data.set(input, i * size);
      const logits = noGrad(() =>
        scope(
          () =>
            this.#model.forward(fromTypedArray(data, [inputs.length, 3, height, width])).toTypedArray() as Float32Array,
        ),
      );
      const classes = logits.length / inputs.length;
      rows.push(...inputs.map((_, i) => logits.subarray(i * classes, (i + 1) * classes)));
    }
    return rows;
  }

  async close(): Promise<void> {}
}
