import type { DType, GraphBuilder, Value } from "../graph/builder.ts";
import { isBatch } from "../graph/dims.ts";
import type { Padding } from "../graph/padding.ts";
import { conv2d, convTranspose2d, fixedShape, type Pair, pool2d } from "../ops/convolution.ts";
import { activation, binary, prelu, softmax, unary } from "../ops/elementwise.ts";
import { batchNorm, matMul } from "../ops/linear.ts";
import { argExtreme, type Reduction, reduce } from "../ops/reduction.ts";
import { resize } from "../ops/resize.ts";
import {
  concat,
  expandDims,
  gather,
  pad,
  pairsOf,
  reshapeTo,
  split,
  squeeze,
  stack,
  tile,
  transpose,
  unstack,
} from "../ops/shape.ts";
import { slice, stridedSlice } from "../ops/slice.ts";
import type { JsonObject } from "./json.ts";

/** One node of a TensorFlow graph, its inputs as values of the ONNX graph. */
export interface NodeCall {
  readonly b: GraphBuilder;
  readonly inputs: number;
  input(index: number): Value;
  /** The integers of an input that must be known, like axes. */
  integers(index: number): number[];
  readonly attributes: NodeAttributes;
}

type Operator = (call: NodeCall) => Value | readonly Value[];

/** TensorFlow's operators that can be read (tensorflow/core/ops of the namesake). */
export const operators: Readonly<Record<string, Operator>> = {
  Identity: (c) => c.input(0),
  StopGradient: (c) => c.input(0),
  Snapshot: (c) => c.input(0),

  Conv2D: (c) => convolution(c),
  _FusedConv2D: (c) => fused(c, (bias) => convolution(c, bias)),
  DepthwiseConv2dNative: (c) => depthwise(c),
  FusedDepthwiseConv2dNative: (c) => fused(c, (bias) => depthwise(c, bias)),
  Conv2DBackpropInput: (c) => {
    const [, height, width] = c.b.integers(c.input(0)) ?? [];
    return convTranspose2d(c.b, c.input(2), c.b.permute(c.input(1), [3, 2, 0, 1]), undefined, {
      ...windowOf(c),
      size: height === undefined || width === undefined ? undefined : [height, width],
    });
  },
  AvgPool: (c) =>
    pool2d(c.b, "AveragePool", c.input(0), { ...windowOf(c), kernel: middle(c.attributes.ints("ksize")) }),
  MaxPool: (c) => pool2d(c.b, "MaxPool", c.input(0), { ...windowOf(c), kernel: middle(c.attributes.ints("ksize")) }),
  FusedBatchNorm: (c) => normalization(c),
  FusedBatchNormV2: (c) => normalization(c),
  FusedBatchNormV3: (c) => normalization(c),

  MatMul: (c) => product(c),
  _FusedMatMul: (c) => fused(c, (bias) => product(c, bias)),
  BatchMatMul: (c) => matMul(c.b, c.input(0), c.input(1), c.attributes.bool("adj_x"), c.attributes.bool("adj_y")),
  BatchMatMulV2: (c) => matMul(c.b, c.input(0), c.input(1), c.attributes.bool("adj_x"), c.attributes.bool("adj_y")),

  BiasAdd: (c) => binary(c.b, "Add", c.input(0), c.input(1)),
  Add: (c) => binary(c.b, "Add", c.input(0), c.input(1)),
  AddV2: (c) => binary(c.b, "Add", c.input(0), c.input(1)),
  AddN: (c) => firsts(c, c.inputs).reduce((sum, value) => binary(c.b, "Add", sum, value)),
  Sub: (c) => binary(c.b, "Sub", c.input(0), c.input(1)),
  Mul: (c) => binary(c.b, "Mul", c.input(0), c.input(1)),
  Div: (c) => binary(c.b, "Div", c.input(0), c.input(1)),
  RealDiv: (c) => binary(c.b, "Div", c.input(0), c.input(1)),
  Pow: (c) => binary(c.b, "Pow", c.input(0), c.input(1)),
  Maximum: (c) => binary(c.b, "Max", c.input(0), c.input(1)),
  Minimum: (c) => binary(c.b, "Min", c.input(0), c.input(1)),
  SquaredDifference: (c) => {
    const difference = binary(c.b, "Sub", c.input(0), c.input(1));
    return binary(c.b, "Mul", difference, difference);
  },

  Relu: (c) => activation(c.b, "relu", c.input(0)),
  Relu6: (c) => activation(c.b, "relu6", c.input(0)),
  Elu: (c) => activation(c.b, "elu", c.input(0)),
  Selu: (c) => activation(c.b, "selu", c.input(0)),
  Tanh: (c) => activation(c.b, "tanh", c.input(0)),
  Sigmoid: (c) => activation(c.b, "sigmoid", c.input(0)),
  Softplus: (c) => activation(c.b, "softplus", c.input(0)),
  LeakyRelu: (c) => unary(c.b, "LeakyRelu", c.input(0), { alpha: c.attributes.float("alpha", 0.2) }),
  Prelu: (c) => prelu(c.b, c.input(0), c.input(1)),
  Softmax: (c) => softmax(c.b, c.input(0)),
  LogSoftmax: (c) => softmax(c.b, c.input(0), "LogSoftmax"),
  Abs: (c) => unary(c.b, "Abs", c.input(0)),
  Neg: (c) => unary(c.b, "Neg", c.input(0)),
  Exp: (c) => unary(c.b, "Exp", c.input(0)),
  Log: (c) => unary(c.b, "Log", c.input(0)),
  Erf: (c) => unary(c.b, "Erf", c.input(0)),
  Floor: (c) => unary(c.b, "Floor", c.input(0)),
  Sqrt: (c) => unary(c.b, "Sqrt", c.input(0)),
  Rsqrt: (c) => unary(c.b, "Reciprocal", unary(c.b, "Sqrt", c.input(0))),
  Reciprocal: (c) => unary(c.b, "Reciprocal", c.input(0)),
  Square: (c) => binary(c.b, "Mul", c.input(0), c.input(0)),

  Mean: (c) => reduction(c, "ReduceMean"),
  Sum: (c) => reduction(c, "ReduceSum"),
  Max: (c) => reduction(c, "ReduceMax"),
  Min: (c) => reduction(c, "ReduceMin"),
  Prod: (c) => reduction(c, "ReduceProd"),
  ArgMax: (c) => argExtreme(c.b, "ArgMax", c.input(0), c.integers(1)[0] as number),
  ArgMin: (c) => argExtreme(c.b, "ArgMin", c.input(0), c.integers(1)[0] as number),

  Shape: (c) => c.b.knownIntegers(c.input(0).shape),
  Reshape: (c) => {
    const target = c.b.integers(c.input(1));
    if (target === undefined) throw c.b.error("reshapes to a shape that the network computes");
    return reshapeTo(c.b, c.input(0), target);
  },
  Squeeze: (c) => squeeze(c.b, c.input(0), c.attributes.ints("squeeze_dims")),
  ExpandDims: (c) => expandDims(c.b, c.input(0), c.integers(1)[0] as number),
  Transpose: (c) => transpose(c.b, c.input(0), c.integers(1)),
  ConcatV2: (c) => concat(c.b, firsts(c, c.inputs - 1), c.integers(c.inputs - 1)[0] as number),
  Pack: (c) => stack(c.b, firsts(c, c.inputs), c.attributes.int("axis", 0)),
  Unpack: (c) => unstack(c.b, c.input(0), c.attributes.int("axis", 0)),
  Split: (c) => split(c.b, c.input(1), c.integers(0)[0] as number, c.attributes.int("num_split", 1)),
  SplitV: (c) => split(c.b, c.input(0), c.integers(2)[0] as number, c.integers(1)),
  GatherV2: (c) => gather(c.b, c.input(0), c.input(1), c.integers(2)[0] as number),
  Tile: (c) => tile(c.b, c.input(0), c.integers(1)),
  Slice: (c) => {
    const [starts, sizes] = [c.integers(1), c.integers(2)];
    const ranges = starts.map((start, axis) => {
      const dim = c.input(0).shape[axis];
      const size = sizes[axis] as number;
      if (size === -1 && start === 0) return undefined;
      const whole = isBatch(dim) ? dim.batch : (dim as number);
      return { start, end: size === -1 ? whole : start + size, step: 1 };
    });
    return slice(c.b, c.input(0), ranges);
  },
  StridedSlice: (c) =>
    stridedSlice(c.b, c.input(0), {
      begin: c.integers(1),
      end: c.integers(2),
      strides: c.integers(3),
      beginMask: c.attributes.int("begin_mask", 0),
      endMask: c.attributes.int("end_mask", 0),
      ellipsisMask: c.attributes.int("ellipsis_mask", 0),
      newAxisMask: c.attributes.int("new_axis_mask", 0),
      shrinkAxisMask: c.attributes.int("shrink_axis_mask", 0),
    }),
  Pad: (c) => pad(c.b, c.input(0), pairsOf(c.integers(1))),
  PadV2: (c) => pad(c.b, c.input(0), pairsOf(c.integers(1)), "constant", c.b.scalarOf(c.input(2))),
  MirrorPad: (c) => {
    const paddings = pairsOf(c.integers(1));
    if (c.attributes.text("mode", "REFLECT") === "REFLECT") return pad(c.b, c.input(0), paddings, "reflect");
    if (paddings.flat().every((size) => size <= 1)) return pad(c.b, c.input(0), paddings, "edge");
    throw c.b.error("symmetric padding of more than one pixel is not supported");
  },
  ResizeBilinear: (c) => resize(c.b, "linear", c.input(0), pair(c.integers(1)), resizeOptions(c)),
  ResizeNearestNeighbor: (c) => resize(c.b, "nearest", c.input(0), pair(c.integers(1)), resizeOptions(c)),
  Cast: (c) => {
    const x = c.input(0);
    const target = castTypes[c.attributes.type("DstT")];
    if (target === undefined) throw c.b.error("unsupported type of the result");
    if (x.known !== undefined || x.dtype === target.dtype) return x;
    return c.b.node("Cast", [x], { to: target.code }, { ...x, dtype: target.dtype });
  },
};

/** TensorFlow's types, with ONNX's codes for them. */
const castTypes: Readonly<Record<string, { readonly dtype: DType; readonly code: number }>> = {
  DT_FLOAT: { dtype: "float32", code: 1 },
  DT_INT32: { dtype: "int32", code: 6 },
  DT_INT64: { dtype: "int64", code: 7 },
  DT_BOOL: { dtype: "bool", code: 9 },
};

function convolution(c: NodeCall, bias?: Value): Value {
  return conv2d(c.b, c.input(0), c.b.permute(c.input(1), [3, 2, 0, 1]), bias, windowOf(c));
}

function depthwise(c: NodeCall, bias?: Value): Value {
  return conv2d(c.b, c.input(0), depthwiseWeight(c.b, c.input(1)), bias, windowOf(c));
}

function product(c: NodeCall, bias?: Value): Value {
  const { attributes } = c;
  return matMul(c.b, c.input(0), c.input(1), attributes.bool("transpose_a"), attributes.bool("transpose_b"), bias);
}

/** `[height, width, channels, multiplier]` as ONNX has it: `[channels * multiplier, 1, height, width]`. */
export function depthwiseWeight(b: GraphBuilder, weight: Value): Value {
  const [height, width, channels, multiplier] = fixedShape(b, weight, "the weights") as [
    number,
    number,
    number,
    number,
  ];
  return b.reshape(b.permute(weight, [2, 3, 0, 1]), [channels * multiplier, 1, height, width]);
}

/** A fused operator: its own work with the bias, then what it lists; each takes its tensors from the further inputs. */
function fused(c: NodeCall, first: (bias: Value | undefined) => Value): Value {
  const names = c.attributes.texts("fused_ops");
  let next = 2;
  const bias = names[0] === "BiasAdd" ? c.input(next++) : undefined;
  let value = first(bias);
  for (const name of bias === undefined ? names : names.slice(1)) {
    if (name === "Prelu") value = prelu(c.b, value, c.input(next++));
    else if (name === "LeakyRelu") {
      value = unary(c.b, "LeakyRelu", value, { alpha: c.attributes.float("leakyrelu_alpha", 0.2) });
    } else value = activation(c.b, name.toLowerCase(), value);
  }
  return value;
}

function normalization(c: NodeCall): Value {
  const [scale, offset, mean, variance] = [c.input(1), c.input(2), c.input(3), c.input(4)];
  return batchNorm(c.b, c.input(0), { scale, offset, mean, variance }, c.attributes.float("epsilon", 1e-4));
}

function reduction(c: NodeCall, op: Reduction): Value {
  return reduce(c.b, op, c.input(0), c.integers(1), c.attributes.bool("keep_dims"));
}

function firsts(c: NodeCall, count: number): Value[] {
  return Array.from({ length: count }, (_, i) => c.input(i));
}

function windowOf(c: NodeCall): { strides: Pair; dilations: Pair; padding: Padding } {
  const format = c.attributes.text("data_format", "NHWC");
  if (format !== "NHWC") throw c.b.error(`expected data_format NHWC, received ${format}`);
  const padding = c.attributes.text("padding", "VALID");
  if (padding === "SAME" || padding === "VALID") return { ...strides(c), padding };
  if (padding !== "EXPLICIT") throw c.b.error(`unsupported padding '${padding}'`);
  return { ...strides(c), padding: pairsOf(c.attributes.ints("explicit_paddings")).slice(1, 3) };
}

function strides(c: NodeCall): { strides: Pair; dilations: Pair } {
  return { strides: middle(c.attributes.ints("strides")), dilations: middle(c.attributes.ints("dilations")) };
}

/** Height and width of a list of all four axes. */
function middle(list: readonly number[]): Pair {
  return [list[1] ?? 1, list[2] ?? 1];
}

function pair([height = 0, width = 0]: readonly number[]): Pair {
  return [height, width];
}

function resizeOptions(c: NodeCall) {
  return {
    alignCorners: c.attributes.bool("align_corners"),
    halfPixelCenters: c.attributes.bool("half_pixel_centers"),
  };
}

/** A node's attributes, as protocol buffers write them to JSON: `{"strides": {"list": {"i": ["1", "2", "2", "1"]}}}`. */
export class NodeAttributes {
  readonly #attributes: JsonObject | undefined;

  constructor(node: JsonObject) {
    this.#attributes = node.optional("attr");
  }

  int(name: string, missing: number): number {
    return this.#get(name)?.number("i", missing) ?? missing;
  }

  float(name: string, missing: number): number {
    return this.#get(name)?.number("f", missing) ?? missing;
  }

  bool(name: string): boolean {
    return this.#get(name)?.boolean("b") ?? false;
  }

  ints(name: string): number[] {
    return this.#get(name)?.optional("list")?.numbers("i") ?? [];
  }

  /** Strings are bytes, written in base64. */
  text(name: string, missing: string): string {
    const attribute = this.#get(name);
    return attribute?.has("s") ? decoded(attribute.raw("s")) : missing;
  }

  texts(name: string): string[] {
    return (this.#get(name)?.optional("list")?.array("s") ?? []).map(decoded);
  }

  /** A type: its name, `DT_FLOAT`. */
  type(name: string): string {
    const type = this.#get(name)?.raw("type");
    return typeof type === "number" ? (typeNames[type] ?? "") : String(type);
  }

  shape(name: string): number[] | undefined {
    const shape = this.#get(name)?.optional("shape");
    if (shape === undefined || shape.boolean("unknownRank")) return undefined;
    return shape.objects("dim").map((dim) => dim.number("size", -1));
  }

  #get(name: string): JsonObject | undefined {
    return this.#attributes?.optional(name);
  }
}

const typeNames: Readonly<Record<number, string>> = { 1: "DT_FLOAT", 3: "DT_INT32", 9: "DT_INT64", 10: "DT_BOOL" };

function decoded(value: unknown): string {
  if (Array.isArray(value)) return Buffer.from(value as number[]).toString("latin1");
  return Buffer.from(String(value), "base64").toString("latin1");
}
