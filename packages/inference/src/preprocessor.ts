import { CtError } from "@classifier-training/base";
import {
  type ByteImage,
  buildNamedTransform,
  decodeImage,
  isByteImage,
  readImage,
  type Transform,
  type TransformSpec,
  toChannelsFirst,
} from "@classifier-training/image";
import type { LabelsMapping } from "@classifier-training/runs";

/** An image to classify: a path, the bytes of a file, or pixels (`byteImage`). */
export type ImageInput = string | Uint8Array | ByteImage;

/** Preprocesses images as in validation, by the transforms in the labels mapping. */
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

  /** @throws CtError when the mapping has no `preprocessing`, or names an unknown transform */
  static async open(mapping: LabelsMapping): Promise<Preprocessor> {
    const { preprocessing } = mapping;
    if (preprocessing === undefined) {
      throw new CtError({
        code: "classifier/preprocessing",
        what: "the labels mapping has no `preprocessing`",
        fix: "export the model again with this version",
      });
    }
    const transform = await buildNamedTransform(preprocessing.transform as TransformSpec);
    return new Preprocessor(mapping, preprocessing.input_height, preprocessing.input_width, transform);
  }

  /**
   * @param index position in the list of images, for errors
   * @returns [3, H, W], normalized
   * @throws CtError naming the image
   */
  async prepare(image: ImageInput, index: number): Promise<Float32Array> {
    const name = typeof image === "string" ? image : `images[${index}]`;
    try {
      const decoded = await this.#decode(image, name);
      const prepared = await this.#transform.run(decoded, { key: [0], path: "" });
      const fits = prepared.width === this.width && prepared.height === this.height && prepared.channels === 3;
      if (fits && !isByteImage(prepared)) return toChannelsFirst(prepared as typeof prepared & { data: Float32Array });
      throw new CtError({
        code: "classifier/preprocessing",
        what: `expected ${this.width}x${this.height} RGB float pixels of the transforms, received ${prepared.width}x${prepared.height} with ${prepared.channels} channels`,
        where: name,
        fix: "export the model again: the labels mapping and the model do not fit",
      });
    } catch (cause) {
      if (CtError.is(cause)) throw cause;
      throw new CtError({
        code: "classifier/preprocessing",
        what: `the image cannot be preprocessed: ${(cause as Error).message}`,
        where: name,
        cause,
      });
    }
  }

  async #decode(image: ImageInput, name: string): Promise<ByteImage> {
    if (typeof image !== "string" && "data" in image) return image;
    const options = { exifOrientation: this.mapping.preprocessing?.exif_orientation, name };
    return typeof image === "string" ? readImage(image, options) : decodeImage(bytesOf(image), options);
  }
}

/** The same memory as a Buffer of this realm. */
function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return Buffer.from(buffer, byteOffset, byteLength);
}
