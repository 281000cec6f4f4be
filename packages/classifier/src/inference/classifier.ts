import { CtError, parseOptions } from "@classifier-training/base";
import { classNamesOf, type LabelsMapping } from "@classifier-training/runs";
import { z } from "zod";
import type { Picture, Preprocessor } from "./preprocessor.ts";
import { type ClassProbability, likeliest } from "./probabilities.ts";

const predictOptionsSchema = z.strictObject({
  topK: z.int().min(1).default(5),
  batchSize: z.int().min(1).default(32),
});

export interface PredictOptions {
  /** How many classes to return, the likeliest first (default 5). */
  readonly topK?: number;
  /** Pictures per run of the model (default 32). */
  readonly batchSize?: number;
}

/** A trained model that classifies pictures, whatever runs it; pictures are prepared as validation did in training. */
export abstract class Classifier {
  readonly mapping: LabelsMapping;
  /** Class names by index. */
  readonly classNames: readonly string[];
  readonly #preprocessor: Preprocessor;
  /** Calls that are not done yet: the model is freed after them. */
  readonly #running = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  constructor(preprocessor: Preprocessor) {
    this.mapping = preprocessor.mapping;
    this.classNames = classNamesOf(this.mapping);
    this.#preprocessor = preprocessor;
  }

  /**
   * Runs the model on a batch.
   * @param data prepared pictures, `[N, 3, H, W]` one after the other
   * @returns logits, `[N, K]` row by row
   */
  protected abstract run(data: Float32Array, shape: readonly [number, 3, number, number]): Promise<Float32Array>;

  /** Frees the model; called once. */
  protected abstract release(): Promise<void>;

  /** Frees the model, after the predictions that are under way. A second call does nothing more. */
  close(): Promise<void> {
    this.#closed ??= Promise.allSettled(this.#running).then(() => this.release());
    return this.#closed;
  }

  /**
   * @param pictures paths, or files in memory (JPEG, PNG, WebP, ...)
   * @returns for each picture the likeliest classes, best first
   * @throws CtError naming the picture that cannot be decoded, or the argument that is not valid; after `close`
   */
  async predict(pictures: readonly Picture[], options: PredictOptions = {}): Promise<ClassProbability[][]> {
    const { topK, batchSize } = check(predictOptionsSchema, options, "options");
    const rows = await this.logits(pictures, batchSize);
    return rows.map((row) => likeliest(row, this.classNames, topK));
  }

  /**
   * As `predict`; a picture that cannot be read has its error instead of classes, and costs the others nothing.
   * @throws CtError for an argument that is not valid; after `close`
   */
  async predictEach(
    pictures: readonly Picture[],
    options: PredictOptions = {},
  ): Promise<(ClassProbability[] | CtError)[]> {
    const { topK, batchSize } = check(predictOptionsSchema, options, "options");
    const rows = await this.#rowsOf(pictures, batchSize, isUnreadable);
    return rows.map((row) => (CtError.is(row) ? row : likeliest(row, this.classNames, topK)));
  }

  /**
   * The model's raw outputs: one row of K logits a picture.
   * @throws CtError as `predict` does, and `classifier/not-finite` naming the picture for which they are NaN or infinite
   */
  async logits(pictures: readonly Picture[], batchSize = 32): Promise<Float32Array[]> {
    return (await this.#rowsOf(pictures, batchSize, () => false)) as Float32Array[];
  }

  /** @param keeps which errors of a picture take the place of its row */
  async #rowsOf(pictures: readonly Picture[], batchSize: number, keeps: (error: unknown) => boolean) {
    if (this.#closed !== undefined) {
      throw new CtError({
        code: "classifier/closed",
        what: "the classifier was closed",
        fix: "call close() after the last prediction, or load the model again",
      });
    }
    check(predictOptionsSchema.shape.batchSize, batchSize, "batchSize");
    checkPictures(pictures);
    const rows = this.#runBatches(pictures, batchSize, keeps);
    this.#running.add(rows);
    return rows.finally(() => this.#running.delete(rows));
  }

  async #runBatches(
    pictures: readonly Picture[],
    batchSize: number,
    keeps: (error: unknown) => boolean,
  ): Promise<(Float32Array | CtError)[]> {
    const rows: (Float32Array | CtError)[] = [];
    for (let start = 0; start < pictures.length; start += batchSize) {
      const prepared = await Promise.all(
        pictures.slice(start, start + batchSize).map((picture, i) =>
          this.#preprocessor.prepare(picture, start + i).catch((error: unknown) => {
            if (keeps(error)) return error as CtError;
            throw error;
          }),
        ),
      );
      const logits = await this.#forward(prepared.filter((pixels) => pixels instanceof Float32Array));
      for (const [i, pixels] of prepared.entries()) {
        const row = CtError.is(pixels) ? pixels : (logits.shift() as Float32Array);
        if (row instanceof Float32Array) refuseNonFinite(row, pictures[start + i] as Picture);
        rows.push(row);
      }
    }
    return rows;
  }

  /** The logits of one batch of prepared pictures. */
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
        fix: "export the model again: the labels mapping and the model do not belong together",
      });
    }
    return prepared.map((_, i) => logits.subarray(i * classes, (i + 1) * classes));
  }
}

/** Whether an error is the file's own, not the model's. */
function isUnreadable(error: unknown): boolean {
  return CtError.is(error) && error.code.startsWith("vision/");
}

/** A value by its schema. @throws CtError `classifier/argument`, naming what is wrong of it */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown, name: string): z.output<Schema> {
  return parseOptions(name, schema, value, ({ what, fix }) => invalid(what, fix));
}

function invalid(what: string, fix?: string): CtError {
  return new CtError({ code: "classifier/argument", what, fix });
}

function checkPictures(pictures: unknown): void {
  if (!Array.isArray(pictures)) {
    throw invalid(
      `expected an array of images, received ${kindOf(pictures)}`,
      "put a single image in brackets: predict([image])",
    );
  }
  for (const [i, picture] of pictures.entries()) {
    if (typeof picture !== "string" && !isBytes(picture))
      throw invalid(`pictures[${i}]: expected a path or the bytes of a file (Uint8Array), received ${kindOf(picture)}`);
  }
}

/** Of any realm: a test runner's `Uint8Array` is another class. */
function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && kindOf(value) === "Uint8Array";
}

function kindOf(value: unknown): string {
  return typeof value === "object" ? Object.prototype.toString.call(value).slice(8, -1) : typeof value;
}

/** One logit of minus infinity is a class that cannot be; the softmax of any other has no meaning. */
function refuseNonFinite(row: Float32Array, picture: Picture): void {
  if (!row.some((value) => Number.isNaN(value) || value === Number.POSITIVE_INFINITY)) return;
  throw new CtError({
    code: "classifier/not-finite",
    what: `the model's outputs are not finite (${Array.from(row.slice(0, 3)).join(", ")}${row.length > 3 ? ", ..." : ""}): it predicts nothing`,
    where: typeof picture === "string" ? picture : "an image in memory",
    fix: "export the model of a training that did not diverge; if a float16 or int8 variant does it, use model.onnx",
  });
}
