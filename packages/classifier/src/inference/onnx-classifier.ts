import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { CtError } from "@classifier-training/base";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { Classifier } from "./classifier.ts";
import { type LabelsMapping, parseLabelsMapping } from "./labels-mapping.ts";

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
export class OnnxClassifier extends Classifier {
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession, mapping: LabelsMapping) {
    super(mapping);
    this.#session = session;
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

  protected override async run(data: Float32Array, shape: readonly [number, 3, number, number]): Promise<Float32Array> {
    const input = this.#session.inputNames[0] ?? "input";
    const outputs = await this.#session.run({ [input]: new Tensor("float32", data, shape) });
    return outputs[this.#session.outputNames[0] ?? "logits"]?.data as Float32Array;
  }

  override async close(): Promise<void> {
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
