import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { CtError } from "@classifier-training/base";
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { Classifier, PredictOptions } from "./classifier.ts";
import { classNamesOf, type LabelsMapping, parseLabelsMapping } from "./labels-mapping.ts";
import { type Picture, Preprocessor } from "./preprocessor.ts";
import { type ClassProbability, likeliest } from "./probabilities.ts";

export interface OnnxClassifierOptions {
  /** The labels mapping; by default `labels_mapping.json` beside the model. */
  readonly labelsPath?: string;
  /** Threads inside an operator; by default ONNX Runtime decides. */
  readonly threads?: number;
}

/**
 * An exported classifier, for services: needs ONNX Runtime and no LibTorch. Decodes and prepares pictures exactly as
 * validation did in training, by the steps that the export wrote down.
 */
export class OnnxClassifier implements Classifier {
  readonly mapping: LabelsMapping;
  /** Class names by index. */
  readonly classNames: readonly string[];
  readonly #session: InferenceSession;
  readonly #preprocessor: Preprocessor;

  private constructor(session: InferenceSession, mapping: LabelsMapping) {
    this.#session = session;
    this.mapping = mapping;
    this.classNames = classNamesOf(mapping);
    this.#preprocessor = new Preprocessor(mapping);
  }

  /**
   * @param path `model.onnx`, or a folder that holds it (a run, a bundle)
   * @throws CtError when the model or its labels mapping is missing or cannot be read
   */
  static async load(path: string, options: OnnxClassifierOptions = {}): Promise<OnnxClassifier> {
    const modelPath = existsSync(path) && statSync(path).isDirectory() ? join(path, "model.onnx") : path;
    const labelsPath = options.labelsPath ?? join(dirname(modelPath), "labels_mapping.json");
    for (const [what, file] of [
      ["exported model", modelPath],
      ["labels mapping", labelsPath],
    ] as const) {
      if (existsSync(file)) continue;
      throw new CtError({
        code: "classifier/inference",
        what: `the ${what} is missing`,
        where: file,
        fix: "train with the ONNX export callback, or run `classifier export RUN`",
      });
    }
    const mapping = parseLabelsMapping(readFileSync(labelsPath, "utf8"), labelsPath);
    const session = await openSession(modelPath, options.threads);
    return new OnnxClassifier(session, mapping);
  }

  /**
   * @param pictures paths, or files in memory (JPEG, PNG, WebP, ...)
   * @returns for each picture the likeliest classes, best first
   * @throws CtError naming the picture that cannot be decoded
   */
  async predict(
    pictures: readonly Picture[],
    { topK = 5, batchSize = 32 }: PredictOptions = {},
  ): Promise<ClassProbability[][]> {
    const rows = await this.logits(pictures, batchSize);
    return rows.map((row) => likeliest(row, this.classNames, topK));
  }

  /**
   * The model's raw outputs.
   * @returns logits, one row of K a picture
   */
  async logits(pictures: readonly Picture[], batchSize = 32): Promise<Float32Array[]> {
    const rows: Float32Array[] = [];
    for (let start = 0; start < pictures.length; start += batchSize) {
      const batch = pictures.slice(start, start + batchSize);
      const inputs = await Promise.all(batch.map((picture) => this.#preprocessor.prepare(picture)));
      rows.push(...(await this.#run(inputs)));
    }
    return rows;
  }

  /** @param inputs prepared pictures, [3, H, W] each @returns logits, one row of K each */
  async #run(inputs: readonly Float32Array[]): Promise<Float32Array[]> {
    const { height, width } = this.#preprocessor;
    const size = 3 * height * width;
    const data = new Float32Array(inputs.length * size);
    for (const [i, input] of inputs.entries()) data.set(input, i * size);
    const inputName = this.#session.inputNames[0] ?? "input";
    const outputs = await this.#session.run({
      [inputName]: new Tensor("float32", data, [inputs.length, 3, height, width]),
    });
    const output = outputs[this.#session.outputNames[0] ?? "logits"]?.data as Float32Array;
    const classes = output.length / inputs.length;
    return inputs.map((_, i) => output.subarray(i * classes, (i + 1) * classes));
  }

  /** Frees the model. */
  async close(): Promise<void> {
    await this.#session.release();
  }
}

async function openSession(path: string, threads: number | undefined): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(path, {
      logSeverityLevel: 3,
      ...(threads !== undefined && { intraOpNumThreads: threads }),
    });
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new CtError({
      code: "classifier/inference",
      what: `ONNX Runtime cannot load the model: ${what}`,
      where: path,
      cause,
    });
  }
}
