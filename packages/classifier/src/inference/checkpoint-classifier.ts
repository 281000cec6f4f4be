import { fromTypedArray, noGrad, scope, serialization } from "@classifier-training/torch";
import type { ClassificationModel } from "../model/classification-model.ts";
import { type ModelRecipe, openCheckpoint } from "../model/recipe.ts";
import { Classifier } from "./classifier.ts";

/** A checkpoint as a classifier, run by LibTorch. The checkpoint carries what it takes to build the network again. */
export class CheckpointClassifier extends Classifier {
  readonly #model: ClassificationModel;

  private constructor(model: ClassificationModel, recipe: ModelRecipe) {
    super(recipe.labels);
    this.#model = model;
  }

  /**
   * @param weights a safetensors file whose weights are used instead of the checkpoint's
   * @throws CtError for a file that is no checkpoint of a classifier of this project
   */
  static async load(path: string, weights?: string): Promise<CheckpointClassifier> {
    const { model, recipe } = openCheckpoint(path);
    if (weights !== undefined) model.loadStateDict(serialization.loadSafetensors(weights).tensors);
    return new CheckpointClassifier(model, recipe);
  }

  protected override async run(data: Float32Array, shape: readonly [number, 3, number, number]): Promise<Float32Array> {
    return noGrad(() => scope(() => this.#model.forward(fromTypedArray(data, shape)).toTypedArray() as Float32Array));
  }

  override async close(): Promise<void> {}
}
