import { CtError, parseOptions } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";
import type { ByteImage } from "@classifier-training/image";
import { classNamesOf, decisionOf, type LabelsMapping, refusalConfidence } from "@classifier-training/runs";
import type { ImageInput, Preprocessor } from "./preprocessor.ts";
import { aboveThreshold, type ClassProbability, topK as mostProbable } from "./top-k.ts";
import { vote } from "./vote.ts";

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
  /** What logits are divided by before softmax, as validation has shown. */
  readonly temperature: number;
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
    this.temperature = decisionOf(this.mapping).calibration?.temperature ?? 1;
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
    return rows.map((row) => this.classesOf(row, topK));
  }

  /**
   * One answer for several images of the same thing, such as the frames of a track (`vote`).
   * @returns the top-k classes, best first
   * @throws CtError as `predict` does, and for a multilabel model or no image
   */
  async predictTogether(images: readonly ImageInput[], options: PredictOptions = {}): Promise<ClassProbability[]> {
    const { topK, batchSize } = check(predictOptionsSchema, options, "options");
    const rows = await this.logits(images, batchSize);
    if (rows.length === 0) throw invalid("expected at least one image, received none");
    return this.classesOf(this.vote(rows), topK);
  }

  /** The logits of one answer for several images. @throws CtError for a multilabel model */
  vote(rows: readonly Float32Array[]): Float32Array {
    this.requireVotes();
    return vote(rows, this.temperature);
  }

  /** @throws CtError for a multilabel model, whose images have no common answer */
  requireVotes(): void {
    if (this.task === "multiclass") return;
    throw new CtError({
      code: "classifier/vote",
      what: "expected a model of one label per image, received a multilabel one: its images have no common answer",
      fix: "predict its images one by one",
    });
  }

  /**
   * The confidence below which an image counts as unreadable: the probability of its most probable class.
   * @param fraction of images, like those of validation, that are refused; by default as the export says, or else none
   * @throws CtError for a model that was not calibrated on validation
   */
  refusalConfidence(fraction: number = this.mapping.refuse ?? 0): number {
    check(z.number().min(0).lt(1), fraction, "fraction");
    const { calibration } = decisionOf(this.mapping);
    if (fraction === 0) return 0;
    if (calibration !== undefined) return refusalConfidence(calibration, fraction);
    throw new CtError({
      code: "classifier/calibration",
      what: "the model was not calibrated on validation images: which ones to refuse is not known",
      fix: "train or export it again with this version; multilabel models refuse nothing",
    });
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
    const rows = await this.logitsEach(images, batchSize);
    return rows.map((row) => (CtError.is(row) ? row : this.classesOf(row, topK)));
  }

  /** The classes of an image by its logits, as `predict` returns them. */
  classesOf(row: Float32Array, k?: number): ClassProbability[] {
    if (this.thresholds === undefined) return mostProbable(row, this.classNames, k ?? 5, this.temperature);
    return aboveThreshold(row, this.classNames, this.thresholds).slice(0, k);
  }

  /**
   * The model's raw outputs: K logits per image.
   * @throws CtError as `predict` does, and `classifier/not-finite` naming the image for which they are NaN or infinite
   */
  async logits(images: readonly ImageInput[], batchSize = 32): Promise<Float32Array[]> {
    return (await this.#rowsOf(images, batchSize, () => false)) as Float32Array[];
  }

  /** As `logits`, with an error instead of a row for an image that cannot be read. */
  logitsEach(images: readonly ImageInput[], batchSize = 32): Promise<(Float32Array | CtError)[]> {
    return this.#rowsOf(images, batchSize, isUnreadable);
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
