import { type InferenceSession, Tensor as OrtTensor, openSession } from "@classifier-training/inference/runtime";
import { noGrad, Tensor, unscoped } from "@classifier-training/torch";
import { OnnxError } from "./errors.ts";
import { fromFloat16Bits, toFloat16Bits } from "./graph/float16.ts";
import { type Exportable, inEvalMode, resize, run } from "./trace.ts";

export interface CheckOptions {
  /** Largest absolute difference allowed; default 1e-4. */
  readonly atol?: number | undefined;
  /** Allowed beside `atol`, as a share of the expected value; default 1e-4. */
  readonly rtol?: number | undefined;
  /** Whether NaN equals NaN; default false, as in `torch.testing.assert_close`. */
  readonly equalNan?: boolean | undefined;
  /** Sizes of the first axis to try when a module is given; default that of the inputs, and one more. */
  readonly batchSizes?: readonly number[] | undefined;
}

/** How far ONNX Runtime's results are from what was expected. */
export interface CheckReport {
  readonly maxAbsDiff: number;
  readonly batchSizes: readonly number[];
}

/**
 * Runs a model in ONNX Runtime and compares its outputs with PyTorch's.
 * @param model A file, or its bytes.
 * @param inputs In the order of the model's inputs.
 * @param expected The outputs for these inputs, or the module (or function) itself, which is then run for several batch
 * sizes.
 * @throws OnnxError `onnx/mismatch` with the largest difference and where it is; `onnx/invalid` when ONNX Runtime refuses
 * the model.
 */
export async function checkOnnx(
  model: string | Uint8Array,
  inputs: Tensor | readonly Tensor[],
  expected: Tensor | readonly Tensor[] | Exportable,
  options: CheckOptions = {},
): Promise<CheckReport> {
  const list = inputs instanceof Tensor ? [inputs] : [...inputs];
  const session = await openSession(model);
  try {
    const given =
      expected instanceof Tensor ? [expected] : Array.isArray(expected) ? (expected as Tensor[]) : undefined;
    if (given !== undefined) {
      const maxAbsDiff = await compare(session, list, given, options);
      return { maxAbsDiff, batchSizes: [list[0]?.shape[0] ?? 1] };
    }
    const size = list[0]?.shape[0] ?? 1;
    const { batchSizes = [size, size + 1] } = options;
    let maxAbsDiff = 0;
    for (const batch of batchSizes) {
      const sized = list.map((tensor) => unscoped(() => resize(tensor, 0, batch)));
      const outputs = forward(expected as Exportable, sized);
      maxAbsDiff = Math.max(maxAbsDiff, await compare(session, sized, outputs, options));
      for (const tensor of new Set([...sized, ...outputs])) if (!list.includes(tensor)) tensor.dispose();
    }
    return { maxAbsDiff, batchSizes };
  } finally {
    await session.release();
  }
}

function forward(target: Exportable, inputs: readonly Tensor[]): Tensor[] {
  const result = unscoped(() => noGrad(() => inEvalMode(target, () => run(target, inputs))));
  if (result instanceof Tensor) return [result];
  return Object.values(result as Record<string, Tensor>);
}

async function compare(
  session: InferenceSession,
  inputs: readonly Tensor[],
  expected: readonly Tensor[],
  { atol = 1e-4, rtol = 1e-4, equalNan = false }: CheckOptions,
): Promise<number> {
  const feeds = Object.fromEntries(session.inputNames.map((name, i) => [name, toOrt(inputs[i] as Tensor)]));
  const results = await session.run(feeds);
  let maxAbsDiff = 0;
  for (const [i, name] of session.outputNames.entries()) {
    const actual = results[name] as OrtTensor;
    const wanted = expected[i];
    if (wanted === undefined || actual.dims.join() !== wanted.shape.join()) {
      throw new OnnxError({
        code: "onnx/mismatch",
        what: `output '${name}' has shape [${actual.dims.join(", ")}], expected [${wanted?.shape.join(", ") ?? "nothing"}]`,
      });
    }
    const difference = largestDifference(fromOrt(actual), numbersOf(wanted), { atol, rtol, equalNan });
    maxAbsDiff = Math.max(maxAbsDiff, difference.value);
    if (!difference.allowed) {
      throw new OnnxError({
        code: "onnx/mismatch",
        what: Number.isNaN(difference.value)
          ? `output '${name}' is NaN in element ${difference.at}, and nothing equals NaN: the model's own is ${numbersOf(wanted)[difference.at]}, ONNX Runtime's ${fromOrt(actual)[difference.at]}`
          : `output '${name}' differs by up to ${difference.value} from the model's own (element ${difference.at}); ${atol} is allowed`,
        where: `batch size ${inputs[0]?.shape[0]}`,
      });
    }
  }
  return maxAbsDiff;
}

function toOrt(tensor: Tensor): OrtTensor {
  const values = tensor.toTypedArray();
  if (tensor.dtype === "bfloat16") {
    throw new OnnxError({
      code: "onnx/unsupported",
      what: "ONNX Runtime on the CPU does not compute in bfloat16",
      fix: 'export and check the model in float32 (`model.to({ dtype: "float32" })`), or in float16',
    });
  }
  const data = tensor.dtype === "float16" ? Uint16Array.from(values as Float32Array, toFloat16Bits) : values;
  return new OrtTensor(tensor.dtype as "float32", data as Float32Array, [...tensor.shape]);
}

/** The elements as numbers: ONNX Runtime gives half precision as bits, or as a Float16Array where there is one. */
function fromOrt({ type, data }: OrtTensor): ArrayLike<number | bigint> {
  if (type === "float16" && data instanceof Uint16Array) return Float32Array.from(data, fromFloat16Bits);
  return data as ArrayLike<number | bigint>;
}

function numbersOf(tensor: Tensor): ArrayLike<number | bigint> {
  return tensor.toTypedArray() as ArrayLike<number | bigint>;
}

function largestDifference(
  actual: ArrayLike<number | bigint>,
  expected: ArrayLike<number | bigint>,
  { atol, rtol, equalNan }: { atol: number; rtol: number; equalNan: boolean },
): { value: number; at: number; allowed: boolean } {
  let value = 0;
  let at = 0;
  let allowed = true;
  for (let i = 0; i < expected.length; i++) {
    const a = Number(actual[i]);
    const b = Number(expected[i]);
    if (a === b) continue;
    if (Number.isNaN(a) || Number.isNaN(b)) {
      if (equalNan && Number.isNaN(a) && Number.isNaN(b)) continue;
      return { value: Number.NaN, at: i, allowed: false };
    }
    const difference = Math.abs(a - b);
    if (!(difference <= atol + rtol * Math.abs(b))) allowed = false;
    if (!(difference <= value)) {
      value = difference;
      at = i;
    }
  }
  return { value, at, allowed };
}
