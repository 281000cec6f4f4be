import type { GraphAttribute, GraphNode, GraphPort, GraphTensor, OnnxGraph } from "@classifier-training/onnx";
import { TensorflowError } from "../errors.ts";
import { batch, type Dim, isBatch, permuted, type Shape, sameDim, shapeText } from "./dims.ts";
import { bytesOf, floatBytes, int64Bytes, integersOf, itemSize, permuteBytes } from "./tensor-data.ts";

export type DType = GraphTensor["dtype"];

/** A tensor of the network being read, in TensorFlow's order of axes (images are NHWC). */
export interface Value {
  readonly label: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** The ONNX tensor has the axes N, C, H, W. Only for rank 4. */
  readonly channelsFirst: boolean;
  /** A constant's elements, little-endian, row-major in the order of the ONNX tensor. */
  readonly data?: Uint8Array;
  /** A constant as the file stores it, for a graph that keeps its quantization. */
  readonly quantized?: QuantizedConstant;
  /** Integers known before the network runs, like those of a shape: not in the ONNX graph. */
  readonly known?: readonly Dim[];
}

/** `real = scale * (stored - zeroPoint)`, one pair or one for each element of the axis. */
export interface QuantizedConstant {
  readonly dtype: DType;
  readonly data: Uint8Array;
  readonly scales: readonly number[];
  readonly zeroPoints: readonly number[];
  readonly axis: number;
}

type Attributes = Readonly<Record<string, GraphAttribute | undefined>>;

interface Result {
  readonly shape: Shape;
  readonly dtype?: DType;
  readonly channelsFirst?: boolean;
}

/** ONNX's order of an image's axes, in TensorFlow's, and back. */
export const toNchw = [0, 3, 1, 2] as const;
const toNhwc = [0, 2, 3, 1] as const;

/** Writes an ONNX graph operator by operator. Activations of images are NCHW; a Transpose is written only where it matters. */
export class GraphBuilder {
  readonly #nodes: GraphNode[] = [];
  readonly #initializers = new Map<string, GraphTensor>();
  readonly #inputs: GraphPort[] = [];
  /** The ONNX name of each value that the graph has. */
  readonly #names = new Map<Value, string>();
  readonly #taken = new Map<string, number>();
  /** The same values in the other layout. */
  readonly #transposed = new Map<Value, Value>();
  readonly #file: string;
  /** The batch size that the file was made for: in its constants, this number means the batch. */
  readonly fileBatch: number;
  #operator = { name: "", type: "" };

  constructor(file: string, fileBatch: number) {
    this.#file = file;
    this.fileBatch = fileBatch;
  }

  /** The operator of the file that the next nodes come from: they take its name, and errors say it. */
  at(name: string, type: string): void {
    this.#operator = { name, type };
  }

  error(what: string, fix?: string): TensorflowError {
    const { name, type } = this.#operator;
    const where = type === "" ? this.#file : `${this.#file}, ${type} '${name}'`;
    return new TensorflowError({ code: "tensorflow/unsupported", what, where, fix });
  }

  input(name: string, dtype: DType, shape: Shape, channelsFirst: boolean): Value {
    const value = { label: name, dtype, shape, channelsFirst };
    const unique = this.#unique(name);
    this.#names.set(value, unique);
    this.#inputs.push({ name: unique, dtype, shape: portShape(stored(value)) });
    return value;
  }

  constant(label: string, dtype: DType, shape: readonly number[], data: Uint8Array): Value {
    return { label, dtype, shape, channelsFirst: false, data };
  }

  floats(label: string, values: readonly number[], shape: readonly number[] = [values.length]): Value {
    return this.constant(label, "float32", shape, floatBytes(values));
  }

  scalar(label: string, value: number): Value {
    return this.floats(label, [value], []);
  }

  int64s(label: string, values: readonly number[]): Value {
    return this.constant(label, "int64", [values.length], int64Bytes(values));
  }

  /** Integers known now; the graph gets them only where an operator needs them as a tensor. */
  knownIntegers(values: readonly Dim[], rank: 0 | 1 = 1): Value {
    const shape = rank === 0 ? [] : [values.length];
    return { label: "shape", dtype: "int64", shape, channelsFirst: false, known: values };
  }

  /** What a value holds, where that is a few integers known now. */
  integers(value: Value): readonly Dim[] | undefined {
    if (value.known !== undefined) return value.known;
    if (value.data === undefined || value.data.byteLength > 8192) return undefined;
    return integersOf(value.dtype, value.data);
  }

  /** The same, where they must be plain numbers. */
  numbers(value: Value | undefined, what: string): number[] {
    const known = value && this.integers(value);
    if (known?.every((one): one is number => typeof one === "number")) return [...known];
    throw this.error(`${what}: expected a constant, received a value computed by the network`);
  }

  /** The number in a float32 constant of one element. */
  scalarOf({ data, dtype }: Value): number {
    if (data?.byteLength !== 4 || dtype !== "float32") throw this.error("expected a constant number of float32");
    return new DataView(data.buffer, data.byteOffset).getFloat32(0, true);
  }

  node(op: string, inputs: readonly (Value | undefined)[], attributes: Attributes, result: Result): Value {
    return this.nodes(op, inputs, attributes, [result])[0] as Value;
  }

  nodes(
    op: string,
    inputs: readonly (Value | undefined)[],
    attributes: Attributes,
    results: readonly Result[],
  ): Value[] {
    const name = this.#unique(this.#operator.name === "" ? op : this.#operator.name);
    const values = results.map(({ shape, dtype, channelsFirst = false }) => ({
      label: name,
      dtype: dtype ?? inputs[0]?.dtype ?? "float32",
      shape,
      channelsFirst,
    }));
    const given = Object.entries(attributes).filter(
      (entry): entry is [string, GraphAttribute] => entry[1] !== undefined,
    );
    this.#nodes.push({
      op,
      name,
      inputs: inputs.map((value) => (value === undefined ? "" : this.#nameOf(value))),
      outputs: values.map((value, i) => {
        const output = i === 0 ? name : this.#unique(`${name}:${i}`);
        this.#names.set(value, output);
        return output;
      }),
      attributes: Object.fromEntries(given),
    });
    return values;
  }

  /** The value with the axes of an ONNX tensor in TensorFlow's order. */
  plain(value: Value): Value {
    if (!value.channelsFirst) return value;
    return this.#otherLayout(value, toNhwc);
  }

  /** The rank-4 value with the axes N, C, H, W. */
  channelsFirst(value: Value): Value {
    if (value.channelsFirst) return value;
    if (value.shape.length !== 4) {
      throw this.error(`expected an image tensor of 4 axes, received the shape ${shapeText(value.shape)}`);
    }
    return this.#otherLayout(value, toNchw);
  }

  /** The ONNX tensor of a value in another order of its (plain) axes. Constants are reordered now. */
  permute(value: Value, order: readonly number[]): Value {
    const from = this.plain(value);
    const shape = permuted(from.shape, order);
    if (from.data !== undefined) {
      const axes = from.shape as readonly number[];
      const data = permuteBytes(from.data, itemSize(from.dtype), axes, order);
      const result = this.constant(from.label, from.dtype, shape as number[], data);
      const { quantized } = from;
      if (quantized === undefined) return result;
      const stored = permuteBytes(quantized.data, itemSize(quantized.dtype), axes, order);
      return { ...result, quantized: { ...quantized, data: stored, axis: order.indexOf(quantized.axis) } };
    }
    return this.node("Transpose", [from], { perm: order }, { shape });
  }

  /** The same elements with another shape. `channelsFirst` only where that has one pixel: the order is the same there. */
  reshape(value: Value, shape: Shape, channelsFirst = false): Value {
    const from = isPixel(value.shape) ? value : this.plain(value);
    if (from.data !== undefined && shape.every((dim) => typeof dim === "number")) {
      return this.constant(from.label, from.dtype, shape as number[], from.data);
    }
    const result = { shape, channelsFirst };
    const before = stored(from);
    if (shape.length === 2 && isBatch(shape[0]) && sameDim(shape[0], before[0])) {
      return this.node("Flatten", [from], { axis: 1 }, result);
    }
    const target = stored(result).map((dim, axis) => {
      if (typeof dim === "number") return dim;
      return axis === 0 && sameDim(dim, before[0]) ? 0 : -1;
    });
    if (target.filter((size) => size === -1).length > 1) {
      throw this.error(`cannot reshape ${shapeText(value.shape)} to ${shapeText(shape)}: two sizes are unknown`);
    }
    return this.node("Reshape", [from, this.int64s("shape", target)], {}, result);
  }

  finish(outputs: readonly Value[], metadata: Readonly<Record<string, string>>, producer: string): OnnxGraph {
    return {
      inputs: this.#inputs,
      outputs: outputs.map((value) => ({
        name: this.#nameOf(value),
        dtype: value.dtype,
        shape: portShape(stored(value)),
      })),
      nodes: this.#nodes,
      initializers: this.#initializers,
      opset: 17,
      metadata,
      producer,
    };
  }

  #otherLayout(value: Value, order: readonly number[]): Value {
    const known = this.#transposed.get(value);
    if (known !== undefined) return known;
    const channelsFirst = !value.channelsFirst;
    let result: Value;
    if (value.data !== undefined) {
      const data = permuteBytes(value.data, itemSize(value.dtype), stored(value) as readonly number[], order);
      result = { ...value, channelsFirst, data };
    } else if (isPixel(value.shape)) {
      const target = stored({ shape: value.shape, channelsFirst }).map((dim, i) =>
        typeof dim === "number" ? dim : -i,
      );
      if (target.some((size) => size < 0)) throw this.error(`unknown channels: ${shapeText(value.shape)}`);
      result = this.node("Reshape", [value, this.int64s("shape", target)], {}, { shape: value.shape, channelsFirst });
    } else {
      result = this.node("Transpose", [value], { perm: order }, { shape: value.shape, channelsFirst });
    }
    this.#transposed.set(value, result);
    this.#transposed.set(result, value);
    return result;
  }

  /** A value whose stored axes are the given ones of another's: nothing is computed. */
  relabel(value: Value, shape: Shape, channelsFirst: boolean): Value {
    const result = { label: value.label, dtype: value.dtype, shape, channelsFirst };
    this.#names.set(result, this.#nameOf(value));
    return result;
  }

  #nameOf(value: Value): string {
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    let { data } = value;
    if (value.known !== undefined) {
      if (!value.known.every((one) => typeof one === "number")) {
        throw this.error("computes with the batch size: the network cannot run for several images at once");
      }
      data = bytesOf(BigInt64Array.from(value.known as number[], BigInt));
    }
    if (data === undefined) throw this.error(`reads '${value.label}' before it is computed`);
    if (value.quantized !== undefined) return this.#dequantized(value, value.quantized);
    const name = this.#unique(value.label);
    this.#names.set(value, name);
    this.#initializers.set(name, { dtype: value.dtype, shape: stored(value) as readonly number[], data });
    return name;
  }

  /** ONNX's form of a quantized constant, which runtimes with integer arithmetic recognize. */
  #dequantized(value: Value, { dtype, data, scales, zeroPoints, axis }: QuantizedConstant): string {
    const shape = scales.length === 1 ? [] : [scales.length];
    const zeros =
      dtype === "int32" ? undefined : this.constant("zero_point", dtype, shape, Uint8Array.from(zeroPoints));
    const stored = this.constant(value.label, dtype, value.shape as readonly number[], data);
    const inputs = [stored, this.floats("scale", scales, shape), zeros].filter((one) => one !== undefined);
    const name = this.#unique(`${value.label}/dequantized`);
    this.#nodes.push({
      op: "DequantizeLinear",
      name,
      inputs: inputs.map((input) => this.#nameOf(input)),
      outputs: [name],
      attributes: scales.length === 1 ? {} : { axis },
    });
    this.#names.set(value, name);
    return name;
  }

  #unique(wanted: string): string {
    const name = wanted === "" ? "tensor" : wanted;
    const count = this.#taken.get(name) ?? 0;
    this.#taken.set(name, count + 1);
    if (count === 0) return name;
    return this.#unique(`${name}_${count}`);
  }
}

/** The axes of the ONNX tensor. */
function stored({ shape, channelsFirst }: { readonly shape: Shape; readonly channelsFirst: boolean }): Shape {
  return channelsFirst ? permuted(shape, toNchw) : shape;
}

/** Of one pixel, so that NHWC and NCHW are the same memory. */
function isPixel(shape: Shape): boolean {
  return shape.length === 4 && shape[1] === 1 && shape[2] === 1;
}

function portShape(shape: Shape): (number | string)[] {
  return shape.map((dim, axis) => {
    if (dim === "unknown") return `axis_${axis}`;
    if (!isBatch(dim)) return dim;
    return sameDim(dim, batch) ? "batch" : `${dim.batch}*batch`;
  });
}
