import { existsSync, statSync } from "node:fs";
import { basename, dirname, extname } from "node:path";
import { CtError } from "@classifier-training/base";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { Classifier } from "./classifier.ts";
import { labelsMappingFile, parseLabelsMapping, readLabelsMapping } from "./labels-mapping.ts";
import { openModelFiles } from "./model-files.ts";
import { Preprocessor } from "./preprocessor.ts";

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

  private constructor(session: InferenceSession, preprocessor: Preprocessor) {
    super(preprocessor);
    this.#session = session;
  }

  /**
   * @param path an ONNX file, or a folder or zip archive that holds `model.onnx` (a run, a bundle)
   * @throws CtError when the model or its labels mapping is missing or cannot be read
   */
  static async load(path: string, options: OnnxClassifierOptions = {}): Promise<OnnxClassifier> {
    const isArchive = extname(path) === ".zip";
    const isModel = extname(path) === ".onnx" || (!isArchive && existsSync(path) && !statSync(path).isDirectory());
    const files = await openModelFiles(isModel ? dirname(path) : path);
    const model = isModel ? basename(path) : "model.onnx";
    if (!files.has(model)) throw missing("exported model", files.locate(model));
    const { labelsPath = files.locate(labelsMappingFile) } = options;
    const given = options.labelsPath === undefined ? files.has(labelsMappingFile) : existsSync(labelsPath);
    if (!given) throw missing("labels mapping", labelsPath);
    const mapping =
      options.labelsPath === undefined
        ? parseLabelsMapping(new TextDecoder().decode(files.read(labelsMappingFile)), labelsPath)
        : readLabelsMapping(labelsPath);
    // By its path where there is one: it may have its weights in a file beside it.
    const source = existsSync(files.locate(model)) ? files.locate(model) : files.read(model);
    const preprocessor = await Preprocessor.open(mapping);
    return new OnnxClassifier(await openSession(source, files.locate(model), options.threads), preprocessor);
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

function missing(what: string, where: string): CtError {
  return new CtError({
    code: "classifier/inference",
    what: `the ${what} is missing`,
    where,
    fix: "train with the ONNX export callback, or run `classifier export RUN`",
  });
}

async function openSession(
  model: string | Uint8Array,
  where: string,
  threads: number | undefined,
): Promise<InferenceSession> {
  const options = { logSeverityLevel: 3, ...(threads !== undefined && { intraOpNumThreads: threads }) } as const;
  try {
    return await (typeof model === "string"
      ? InferenceSession.create(model, options)
      : InferenceSession.create(model, options));
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new CtError({
      code: "classifier/inference",
      what: `ONNX Runtime cannot load the model: ${what}`,
      where,
      cause,
    });
  }
}
