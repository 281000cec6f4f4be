import { Classifier, Preprocessor } from "@classifier-training/inference";
import { refuseNonFiniteWeights } from "@classifier-training/lightning";
import type { LabelsMapping } from "@classifier-training/runs";
import { fromTypedArray, noGrad, scope, serialization } from "@classifier-training/torch";
import type { ClassificationModel } from "../model/classification-model.ts";
import { type OpenedCheckpoint, openCheckpoint } from "../model/recipe.ts";

/** A checkpoint as a classifier, run by LibTorch. The checkpoint carries what it takes to build the network again. */
export class CheckpointClassifier extends Classifier {
  readonly #model: ClassificationModel;

  private constructor(model: ClassificationModel, preprocessor: Preprocessor) {
    super(preprocessor);
    this.#model = model;
  }

  /**
   * @param instead a safetensors file with other weights; other labels and preprocessing
   * @throws CtError for a file that is not a checkpoint of a classifier of this project
   */
  static async load(
    checkpoint: string | OpenedCheckpoint,
    instead: { readonly weights?: string | undefined; readonly labels?: LabelsMapping } = {},
  ): Promise<CheckpointClassifier> {
    const { model, recipe } = typeof checkpoint === "string" ? openCheckpoint(checkpoint) : checkpoint;
    if (instead.weights !== undefined) {
      const { tensors } = serialization.loadSafetensors(instead.weights);
      refuseNonFiniteWeights(tensors, model, instead.weights);
      model.loadStateDict(tensors);
    }
    return new CheckpointClassifier(model, await Preprocessor.open(instead.labels ?? recipe.labels));
  }

  protected override async run(data: Float32Array, shape: readonly [number, 3, number, number]): Promise<Float32Array> {
    return noGrad(() => scope(() => this.#model.forward(fromTypedArray(data, shape)).toTypedArray() as Float32Array));
  }

  protected override async release(): Promise<void> {}
}
