import { CtError } from "@classifier-training/base";
import {
  buildNamedTransform,
  decodeImage,
  isByteImage,
  readImage,
  type Transform,
  type TransformSpec,
  toChannelsFirst,
} from "@classifier-training/image";
import type { LabelsMapping } from "@classifier-training/runs";

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

  /**
   * @param index its place among the pictures that were given, for errors
   * @returns [3, H, W], normalized
   * @throws CtError naming the picture
   */
  async prepare(picture: Picture, index: number): Promise<Float32Array> {
    const name = typeof picture === "string" ? picture : `pictures[${index}]`;
    try {
      const options = { exifOrientation: this.mapping.preprocessing?.exif_orientation, name };
      const decoded = await (typeof picture === "string"
        ? readImage(picture, options)
        : decodeImage(bytesOf(picture), options));
      const prepared = await this.#transform.run(decoded, { key: [0], path: "" });
      const fits = prepared.width === this.width && prepared.height === this.height && prepared.channels === 3;
      if (fits && !isByteImage(prepared)) return toChannelsFirst(prepared as typeof prepared & { data: Float32Array });
      throw new CtError({
        code: "classifier/preprocessing",
        what: `the transforms made a picture of ${prepared.width}x${prepared.height} with ${prepared.channels} channels, the model takes ${this.width}x${this.height} RGB float pixels`,
        where: name,
        fix: "export the model again: the labels mapping and the model do not belong together",
      });
    } catch (cause) {
      if (CtError.is(cause)) throw cause;
      throw new CtError({
        code: "classifier/preprocessing",
        what: `the image cannot be prepared: ${(cause as Error).message}`,
        where: name,
        cause,
      });
    }
  }
}

/** The same memory as a Buffer of this realm. */
function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return Buffer.from(buffer, byteOffset, byteLength);
}
