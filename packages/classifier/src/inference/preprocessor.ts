import { CtError } from "@classifier-training/base";
import {
  buildTransform,
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
  readonly height: number;
  readonly width: number;
  readonly #spec: TransformSpec;
  #transform: Promise<Transform> | undefined;

  constructor(mapping: LabelsMapping) {
    const { preprocessing } = mapping;
    if (preprocessing === undefined) {
      throw new CtError({
        code: "classifier/preprocessing",
        what: "the labels mapping does not say how pictures are prepared (no `preprocessing`)",
        fix: "export the model again with this version",
      });
    }
    this.height = preprocessing.input_height;
    this.width = preprocessing.input_width;
    this.#spec = preprocessing.transform as TransformSpec;
  }

  /** @returns [3, H, W], normalised */
  async prepare(picture: Picture): Promise<Float32Array> {
    this.#transform ??= buildTransform(this.#spec);
    const transform = await this.#transform;
    const decoded = typeof picture === "string" ? await readImage(picture) : await decodeImage(picture);
    const prepared = await transform.run(decoded, { key: [0], path: "" });
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
