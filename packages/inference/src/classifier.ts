import { CtError, parseOptions } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";
import type { ByteImage } from "@classifier-training/image";
import { classNamesOf, type LabelsMapping } from "@classifier-training/runs";
import type { ImageInput, Preprocessor } from "./preprocessor.ts";
import { aboveThreshold, type ClassProbability, topK as mostProbable } from "./top-k.ts";

const predictOptionsSchema = z.strictObject({
  topK: z.int().min(1).optional(),
  batchSize: z.int().min(1).default(32),
});

export interface PredictOptions {
  /** Number of classes to return, most probable first (default 5; of a multilabel model all above their thresholds). */
  readonly topK?: number;
  /** Images per forward pass (default 32). */
  readonly batchSize?: number;
}

/** A trained model that classifies images, whatever runs it; images are preprocessed as in validation. */
export abstract class Classifier {
  readonly mapping: LabelsMapping;
  /** Class names by index. */
  readonly classNames: readonly string[];
  /** `multilabel`: an image may have any number of labels. */
  readonly task: "multiclass" | "multilabel";
  /** Of a multilabel model, by class index: the probability above which a class is predicted. */
  readonly thresholds: readonly number[] | undefined;
  readonly #preprocessor: Preprocessor;
  /** Pending calls: the model is freed after them. */
  readonly #running = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  constructor(preprocessor: Preprocessor) {
    this.mapping = preprocessor.mapping;
    this.classNames = classNamesOf(this.mapping);
    this.task = this.mapping.task ?? "multiclass";
    this.thresholds =
      this.task === "multilabel" ? (this.mapping.thresholds ?? this.classNames.map(() => 0.5)) : undefined;
    this.#preprocessor = preprocessor;
  }

  /**
   * Runs the model on a batch.
   * @param data preprocessed images, `[N, 3, H, W]` in row-major order
   * @returns logits, `[N, K]` in row-major order
   */
  protected abstract run(data: Float32Array, shape: readonly [number, 3, number, number]): Promise<Float32Array>;

  /** Frees the model; called once. */
  protected abstract release(): Promise<void>;

  /** Frees the model after the pending predictions. A second call has no effect. */
  close(): Promise<void> {
    this.#closed ??= Promise.allSettled(this.#running).then(() => this.release());
    return this.#closed;
  }

  /**
   * @param images paths, encoded files in memory (JPEG, PNG, WebP, ...), or pixels
   * @returns the top-k classes of each image, best first; of a multilabel model the classes above their thresholds,
   *   which may be none
   * @throws CtError naming the image that cannot be decoded, or the invalid argument; after `close`
   */
  async predict(images: readonly ImageInput[], options: PredictOptions = {}): Promise<ClassProbability[][]> {
    const { topK, batchSize } = check(predictOptionsSchema, options, "options");
    const rows = await this.logits(images, batchSize);
    return rows.map((row) => this.#classes(row, topK));
  }

  /**
   * As `predict`, with an error instead of classes for an image that cannot be read.
   * @throws CtError for an invalid argument; after `close`
   */
  async predictEach(
    images: readonly ImageInput[],
    options: PredictOptions = {},
  ): Promise<(ClassProbability[] | CtError)[]> {
    const { topK, batchSize } = check(predictOptionsSchema, options, "options");
    const rows = await this.#rowsOf(images, batchSize, isUnreadable);
    return rows.map((row) => (CtError.is(row) ? row : this.#classes(row, topK)));
  }

  #classes(row: Float32Array, k: number | undefined): ClassProbability[] {
    if (this.thresholds === undefined) return mostProbable(row, this.classNames, k ?? 5);
    return aboveThreshold(row, this.classNames, this.thresholds).slice(0, k);
  }

  /**
   * The model's raw outputs: K logits per image.
   * @throws CtError as `predict` does, and `classifier/not-finite` naming the image for which they are NaN or infinite
   */
  async logits(images: readonly ImageInput[], batchSize = 32): Promise<Float32Array[]> {
    return (await this.#rowsOf(images, batchSize, () => false)) as Float32Array[];
  }

  /** @param keeps which errors of an image are returned in place of its row */
  async #rowsOf(images: readonly ImageInput[], batchSize: number, keeps: (error: unknown) => boolean) {
    if (this.#closed !== undefined) {
      throw new CtError({
        code: "classifier/closed",
        what: "the classifier was closed",
        fix: "call close() after the last prediction, or load the model again",
      });
    }
    check(predictOptionsSchema.shape.batchSize, batchSize, "batchSize");
    checkImages(images);
    const rows = this.#runBatches(images, batchSize, keeps);
    this.#running.add(rows);
    return rows.finally(() => this.#running.delete(rows));
  }

  async #runBatches(
    images: readonly ImageInput[],
    batchSize: number,
    keeps: (error: unknown) => boolean,
  ): Promise<(Float32Array | CtError)[]> {
    const rows: (Float32Array | CtError)[] = [];
    for (let start = 0; start < images.length; start += batchSize) {
      const prepared = await Promise.all(
        images.slice(start, start + batchSize).map((image, i) =>
          this.#preprocessor.prepare(image, start + i).catch((error: unknown) => {
            if (keeps(error)) return error as CtError;
            throw error;
          }),
        ),
      );
      const logits = await this.#forward(prepared.filter((pixels) => pixels instanceof Float32Array));
      for (const [i, pixels] of prepared.entries()) {
        const row = CtError.is(pixels) ? pixels : (logits.shift() as Float32Array);
        if (row instanceof Float32Array) refuseNonFinite(row, images[start + i] as ImageInput);
        rows.push(row);
      }
    }
    return rows;
  }

  /** The logits of one batch of preprocessed images. */
  async #forward(prepared: readonly Float32Array[]): Promise<Float32Array[]> {
    if (prepared.length === 0) return [];
    const { height, width } = this.#preprocessor;
    const size = 3 * height * width;
    const classes = this.classNames.length;
    const data = new Float32Array(prepared.length * size);
    for (const [i, pixels] of prepared.entries()) data.set(pixels, i * size);
    const logits = await this.run(data, [prepared.length, 3, height, width]);
    if (logits.length !== prepared.length * classes) {
      throw new CtError({
        code: "classifier/inference",
        what: `expected ${prepared.length} x ${classes} logits of the model, received ${logits.length} values`,
        fix: "export the model again: the labels mapping and the model do not fit",
      });
    }
    return prepared.map((_, i) => logits.subarray(i * classes, (i + 1) * classes));
  }
}

/** Whether an error is about the image file, not about the model. */
function isUnreadable(error: unknown): boolean {
  return CtError.is(error) && error.code.startsWith("image/");
}

/** Parses an argument. @throws CtError `classifier/argument` */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown, name: string): z.output<Schema> {
  return parseOptions(name, schema, value, ({ what, fix }) => invalid(what, fix));
}

function invalid(what: string, fix?: string): CtError {
  return new CtError({ code: "classifier/argument", what, fix });
}

function checkImages(images: unknown): void {
  if (!Array.isArray(images)) {
    throw invalid(
      `expected an array of images, received ${kindOf(images)}`,
      "put a single image in brackets: predict([image])",
    );
  }
  for (const [i, image] of images.entries()) {
    if (typeof image !== "string" && !isBytes(image) && !isPixels(image))
      throw invalid(
        `images[${i}]: expected a path, the bytes of a file (Uint8Array) or pixels, received ${kindOf(image)}`,
        "make an image of pixels with byteImage(data, width, height): uint8 RGB, rows of pixels",
      );
  }
}

/** Of any realm: in a test runner `Uint8Array` is a different class. */
function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && kindOf(value) === "Uint8Array";
}

/** As `byteImage` makes it: RGB, of as many bytes as its size says. */
function isPixels(value: unknown): value is ByteImage {
  if (typeof value !== "object" || value === null) return false;
  const { width, height, channels, data, semantics } = value as Partial<ByteImage>;
  const isSize = (size: unknown): size is number => Number.isInteger(size) && (size as number) > 0;
  if (!isSize(width) || !isSize(height) || channels !== 3 || semantics === undefined) return false;
  return isBytes(data) && data.length === width * height * channels;
}

function kindOf(value: unknown): string {
  return typeof value === "object" ? Object.prototype.toString.call(value).slice(8, -1) : typeof value;
}

/** A logit of minus infinity is an impossible class; with NaN or plus infinity the softmax is undefined. */
function refuseNonFinite(row: Float32Array, image: ImageInput): void {
  if (!row.some((value) => Number.isNaN(value) || value === Number.POSITIVE_INFINITY)) return;
  throw new CtError({
    code: "classifier/not-finite",
    what: `the model's outputs are not finite (${Array.from(row.slice(0, 3)).join(", ")}${row.length > 3 ? ", ..." : ""}): there is no prediction`,
    where: typeof image === "string" ? image : "an image in memory",
    fix: "export the model of a training that did not diverge; if a float16 or int8 variant does it, use model.onnx",
  });
}
