import { CtError } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";
import { type LabelsMapping, readLabelsMapping } from "@classifier-training/runs";
import { Classifier, check } from "./classifier.ts";
import { labelsMappingIn, openModel } from "./model-files.ts";
import { Preprocessor } from "./preprocessor.ts";
import { type InferenceSession, openSession, Tensor } from "./runtime.ts";

const loadOptionsSchema = z.strictObject({
  labelsPath: z.string().min(1).optional(),
  threads: z.int().min(1).optional(),
});

export interface OnnxClassifierOptions {
  /** The labels mapping; by default `labels_mapping.json` beside the model. */
  readonly labelsPath?: string;
  /** Threads inside an operator; by default ONNX Runtime decides. */
  readonly threads?: number;
}

/**
 * An exported classifier, for services: needs ONNX Runtime and no LibTorch. Decodes and preprocesses images exactly as in
 * validation, by the transforms that the export recorded.
 */
export class OnnxClassifier extends Classifier {
  readonly #session: InferenceSession;
  readonly #input: string;
  readonly #output: string;

  private constructor(session: InferenceSession, preprocessor: Preprocessor, input: string, output: string) {
    super(preprocessor);
    this.#session = session;
    this.#input = input;
    this.#output = output;
  }

  /**
   * @param path an ONNX file, or a folder or zip archive with `model.onnx` (a run, a bundle)
   * @throws CtError when the model or its labels mapping is missing or cannot be read, or when they do not fit
   */
  static async load(path: string, options: OnnxClassifierOptions = {}): Promise<OnnxClassifier> {
    check(z.string().min(1), path, "path");
    const { labelsPath, threads } = check(loadOptionsSchema, options, "options");
    const { files, model } = await openModel(path);
    const mapping = labelsPath === undefined ? labelsMappingIn(files) : readLabelsMapping(labelsPath);
    const preprocessor = await Preprocessor.open(mapping);
    const where = files.locate(model);
    const session = await openSession(files.source(model), { where, threads });
    const { input, output } = portsOf(session, mapping, where);
    return new OnnxClassifier(session, preprocessor, input, output);
  }

  protected override async run(data: Float32Array, shape: readonly [number, 3, number, number]): Promise<Float32Array> {
    try {
      const outputs = await this.#session.run({ [this.#input]: new Tensor("float32", data, shape) });
      return outputs[this.#output]?.data as Float32Array;
    } catch (cause) {
      throw new CtError({
        code: "classifier/inference",
        what: `ONNX Runtime cannot run the model: ${cause instanceof Error ? cause.message : String(cause)}`,
        cause,
      });
    }
  }

  protected override async release(): Promise<void> {
    await this.#session.release();
  }
}

/**
 * The names of the model's input and output.
 * @throws CtError for a model with another input size or number of classes than the mapping
 */
function portsOf(session: InferenceSession, mapping: LabelsMapping, where: string): { input: string; output: string } {
  const { input_height = 0, input_width = 0 } = mapping.preprocessing ?? {};
  const [input, ...otherInputs] = session.inputMetadata;
  const [output] = session.outputMetadata;
  const expectedInput = ["N", 3, input_height, input_width];
  const expectedOutput = ["N", mapping.num_classes];
  const refuse = (what: string, expected: readonly (string | number)[], port: typeof input) => {
    const received = port?.isTensor ? `${port.type} [${port.shape.join(", ")}]` : "not a tensor";
    return new CtError({
      code: "classifier/inference",
      what: `the model does not fit its labels mapping: expected an ${what} float32 [${expected.join(", ")}], received ${received}`,
      where,
      fix: "export the model again: the export writes both files",
    });
  };
  if (input === undefined || otherInputs.length > 0 || !fits(input, expectedInput))
    throw refuse("input", expectedInput, input);
  if (output === undefined || !fits(output, expectedOutput)) throw refuse("output", expectedOutput, output);
  return { input: input.name, output: output.name };
}

/** Symbolic sizes of the model fit any. */
function fits(port: InferenceSession.ValueMetadata, expected: readonly (string | number)[]): boolean {
  if (!port.isTensor || port.type !== "float32" || port.shape.length !== expected.length) return false;
  return port.shape.every((size, i) => typeof size === "string" || i === 0 || size === expected[i]);
}
