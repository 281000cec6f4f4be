import { CtError } from "@classifier-training/base";
import {
  buildNamedTransform,
  decodeImage,
  isByteImage,
  readImage,
  type Transform,
  type TransformSpec,
  toChannelsFirst,
} from "@classifier-training/vision/preprocessing";
import type { LabelsMapping } from "./labels-mapping.ts";

/** A picture to classify: a path, or a file's bytes. */
export type Picture = string | Uint8Array;

/** Prepares pictures as validation did in training, by the transforms that the labels mapping carries. */
export class Preprocessor {
  readonly mapping: LabelsMapping;
  readonly height: number;
  readonly width: number;
  readonly #transform: Transform;

  private constructor(mapping: LabelsMapping, height: number, width: number, transform: Transform) {
    this.mapping = mapping;
    this.height = height;
    this.width = width;
    this.#transform = transform;
  }

  /** @throws CtError when the mapping does not say how pictures are prepared, or by a transform that is not known here */
  static async open(mapping: LabelsMapping): Promise<Preprocessor> {
    const { preprocessing } = mapping;
    if (preprocessing === undefined) {
      throw new CtError({
        code: "classifier/preprocessing",
        what: "the labels mapping does not say how pictures are prepared (no `preprocessing`)",
        fix: "export the model again with this version",
      });
    }
    const transform = await buildNamedTransform(preprocessing.transform as TransformSpec);
    return new Preprocessor(mapping, preprocessing.input_height, preprocessing.input_width, transform);
  }

  /** @returns [3, H, W], normalised */
  async prepare(picture: Picture): Promise<Float32Array> {
    const decoded = typeof picture === "string" ? await readImage(picture) : await decodeImage(picture);
    const prepared = await this.#transform.run(decoded, { key: [0], path: "" });
    if (isByteImage(prepared) || prepared.width !== this.width || prepared.height !== this.height) {
      throw new CtError({
        code: "classifier/preprocessing",
        what: `the transforms made a picture of ${prepared.width}x${prepared.height}, the model takes ${this.width}x${this.height} float pixels`,
        fix: "export the model again: the labels mapping and the model do not belong together",
      });
    }
    return toChannelsFirst(prepared as typeof prepared & { data: Float32Array });
  }
}
