import { TensorflowError } from "../errors.ts";
import { FlatTable } from "./flatbuffer.ts";
import { operatorName } from "./operator-names.ts";

/** What a `.tflite` file holds, as it is. Field numbers are those of tensorflow/lite/schema/schema.fbs, version 3. */
export interface TfliteModel {
  readonly description: string;
  readonly tensors: readonly TfliteTensor[];
  readonly operators: readonly TfliteOperator[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Named blocks of bytes, like `TFLITE_METADATA`. */
  readonly metadata: ReadonlyMap<string, Uint8Array>;
}

export interface TfliteTensor {
  readonly name: string;
  /** A negative size is unknown. */
  readonly shape: readonly number[];
  readonly type: TensorType;
  /** A view of the file; empty for what the network computes. */
  readonly data: Uint8Array;
  readonly quantization: Quantization | undefined;
  readonly sparse: boolean;
}

/** `real = scale * (stored - zeroPoint)`: one pair, or one for each element of axis `dimension`. */
export interface Quantization {
  readonly scales: readonly number[];
  readonly zeroPoints: readonly number[];
  readonly dimension: number;
}

export interface TfliteOperator {
  readonly type: string;
  /** Indices of tensors, -1 for one that is left out. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly options: FlatTable | undefined;
}

const tensorTypes = [
  ...([
    "float32",
    "float16",
    "int32",
    "uint8",
    "int64",
    "string",
    "bool",
    "int16",
    "complex64",
    "int8",
    "float64",
  ] as const),
  ...(["complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4"] as const),
];
export type TensorType = (typeof tensorTypes)[number];

/** Far above what networks for images have. */
const limits = { tensors: 100_000, operators: 50_000, axes: 8 };

/** @throws TensorflowError */
export function readTfliteModel(bytes: Uint8Array, where: string): TfliteModel {
  const damaged = (what: string, fix?: string) => new TensorflowError({ code: "tensorflow/damaged", what, where, fix });
  const model = FlatTable.root(bytes, "TFL3", where);
  const [graph] = model.tables(2);
  if (graph === undefined) throw damaged("the file has no network (no subgraph)");
  const codes = model.tables(1).map((code) => {
    const builtin = Math.max(code.ubyte(0), code.int(3));
    return builtin === 32 ? `CUSTOM ${code.string(1)}` : operatorName(builtin);
  });
  const buffers = model.tables(4);
  const bufferOf = (index: number): Uint8Array => {
    const buffer = buffers[index];
    if (buffer === undefined) throw damaged(`damaged: buffer ${index} of ${buffers.length}`);
    const [offset, size] = [buffer.ulong(1), buffer.ulong(2)];
    // 0 and 1 stand for "not outside of the FlatBuffer".
    if (offset <= 1) return buffer.bytes(0) ?? new Uint8Array(0);
    if (offset + size > bytes.length) throw damaged(`damaged: buffer ${index} lies outside the file`);
    return bytes.subarray(offset, offset + size);
  };
  const tensors = graph.tables(0);
  const operators = graph.tables(3);
  if (tensors.length > limits.tensors || operators.length > limits.operators) {
    throw damaged(`expected at most ${limits.tensors} tensors and ${limits.operators} operators`);
  }
  const checked = (indices: readonly number[]) => {
    const wrong = indices.find((index) => index < -1 || index >= tensors.length);
    if (wrong !== undefined) throw damaged(`damaged: tensor ${wrong} of ${tensors.length}`);
    return indices;
  };
  return {
    description: model.string(3),
    tensors: tensors.map((tensor, i) => {
      const type = tensorTypes[tensor.ubyte(1)];
      if (type === undefined) throw damaged(`tensor ${i}: unknown type ${tensor.ubyte(1)}`);
      const signature = tensor.ints(7);
      const shape = signature.length > 0 ? signature : tensor.ints(0);
      if (shape.length > limits.axes) throw damaged(`tensor ${i}: expected at most ${limits.axes} axes`);
      return {
        // The converter joins the names of all operators that it fused.
        name: tensor.string(3).split(";")[0] as string,
        shape,
        type,
        data: bufferOf(tensor.uint(2)),
        quantization: quantizationOf(tensor.table(4)),
        sparse: tensor.table(6) !== undefined,
      };
    }),
    operators: operators.map((operator) => {
      const type = codes[operator.uint(0)];
      if (type === undefined) throw damaged(`damaged: operator code ${operator.uint(0)} of ${codes.length}`);
      return {
        type,
        inputs: checked(operator.ints(1)),
        outputs: checked(operator.ints(2)),
        options: operator.table(4),
      };
    }),
    inputs: checked(graph.ints(1)),
    outputs: checked(graph.ints(2)),
    metadata: new Map(model.tables(6).map((entry) => [entry.string(0), bufferOf(entry.uint(1))])),
  };
}

function quantizationOf(table: FlatTable | undefined): Quantization | undefined {
  const scales = table?.floats(2) ?? [];
  if (table === undefined || scales.length === 0) return undefined;
  const zeroPoints = table.longs(3);
  return { scales, zeroPoints: scales.map((_, i) => zeroPoints[i] ?? 0), dimension: table.int(6) };
}
