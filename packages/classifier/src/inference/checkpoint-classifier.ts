import { Classifier, type ImageInput, Preprocessor } from "@classifier-training/inference";
import { refuseNonFiniteWeights } from "@classifier-training/lightning";
import type { LabelsMapping } from "@classifier-training/runs";
import { fromTypedArray, noGrad, scope, serialization, type Tensor } from "@classifier-training/torch";
import type { ImageDescription } from "../data/feature-cache.ts";
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
      // A checkpoint's state beside its weights.
      for (const name of tensors.keys()) if (name.startsWith("@")) tensors.delete(name);
      refuseNonFiniteWeights(tensors, model, instead.weights);
      model.loadStateDict(tensors);
    }
    return new CheckpointClassifier(model, await Preprocessor.open(instead.labels ?? recipe.labels));
  }

  /**
   * What the network says of images: the input of the layer that gives the logits, and those.
   * @returns F features and K logits an image
   * @throws CtError as `logits` does
   */
  async describe(images: readonly ImageInput[]): Promise<ImageDescription[]> {
    const features: Float32Array[] = [];
    const handle = this.#model.head.registerForwardPreHook((_module, [input]) => {
      const given = input as Tensor;
      const values = noGrad(() =>
        scope(() => given.detach().flatten(1).to({ dtype: "float32", device: "cpu" }).contiguous().toTypedArray()),
      ) as Float32Array;
      const size = values.length / (given.shape[0] ?? 1);
      for (let at = 0; at < values.length; at += size) features.push(values.slice(at, at + size));
      return undefined;
    });
    try {
      const logits = await this.logits(images);
      return logits.map((row, i) => ({ logits: row, features: features[i] as Float32Array }));
    } finally {
      handle.remove();
    }
  }

  protected override async run(data: Float32Array, shape: readonly [number, 3, number, number]): Promise<Float32Array> {
    return noGrad(() => scope(() => this.#model.forward(fromTypedArray(data, shape)).toTypedArray() as Float32Array));
  }

  protected override async release(): Promise<void> {}
}
