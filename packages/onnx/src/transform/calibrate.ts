import { create } from "@bufbuild/protobuf";
import { Tensor as OrtTensor, openSession } from "@classifier-training/inference/runtime";
import type { Tensor } from "@classifier-training/torch";
import { OnnxError } from "../errors.ts";
import { ValueInfoProtoSchema } from "../proto/onnx.generated.ts";
import { ModelEditor } from "./model-editor.ts";

/** The range of values that a tensor of the graph takes. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Input batches for calibration: float32 tensors of the model's first input. */
export type CalibrationBatches = Iterable<Tensor> | AsyncIterable<Tensor>;

/**
 * Runs batches through a model and notes the smallest and the largest value of each named tensor.
 */
export async function calibrate(
  bytes: Uint8Array,
  tensors: readonly string[],
  batches: CalibrationBatches,
): Promise<Map<string, Range>> {
  const editor = new ModelEditor(bytes);
  const outputs = new Set(editor.graph.output.map(({ name }) => name));
  const inputs = new Set(editor.graph.input.map(({ name }) => name));
  for (const name of tensors) {
    if (!outputs.has(name) && !inputs.has(name)) editor.graph.output.push(create(ValueInfoProtoSchema, { name }));
  }
  const session = await openSession(editor.bytes());
  const ranges = new Map<string, Range>();
  let count = 0;
  try {
    for await (const batch of batches) {
      const input = new OrtTensor("float32", batch.toTypedArray() as Float32Array, [...batch.shape]);
      const results = await session.run({ [session.inputNames[0] ?? ""]: input });
      count++;
      for (const name of tensors) {
        const values = (inputs.has(name) ? input : results[name])?.data as Float32Array;
        ranges.set(name, rangeOf(values, ranges.get(name)));
      }
    }
  } finally {
    await session.release();
  }
  if (count === 0) throw new OnnxError({ code: "onnx/calibration", what: "there are no batches to calibrate with" });
  return ranges;
}

function rangeOf(values: Float32Array, before: Range | undefined): Range {
  let { min, max } = before ?? { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}
