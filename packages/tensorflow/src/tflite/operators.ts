import type { DType, GraphBuilder, Value } from "../graph/builder.ts";
import { type Dim, isBatch } from "../graph/dims.ts";
import { conv2d, convTranspose2d, pool2d } from "../ops/convolution.ts";
import { activation, binary, prelu, softmax, unary } from "../ops/elementwise.ts";
import { l2Normalize, matMul } from "../ops/linear.ts";
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

/** One operator of the file, its inputs as values of the graph. */
export interface OperatorCall {
  readonly b: GraphBuilder;
  readonly inputs: number;
  input(index: number): Value;
  optional(index: number): Value | undefined;
  /** The integers of an input that must be known, like axes. */
  integers(index: number): number[];
  /** Fields of the operator's options, by their number in the schema. */
  int(field: number, missing?: number): number;
  /** An enumeration. */
  byte(field: number): number;
  float(field: number): number;
  bool(field: number): boolean;
  ints(field: number): number[];
}

type Operator = (call: OperatorCall) => Value | readonly Value[];

/** The operators of TensorFlow Lite that can be read. */
export const operators: Readonly<Record<string, Operator>> = {
  CONV_2D: (c) => {
    const result = conv2d(c.b, c.input(0), c.b.permute(c.input(1), [0, 3, 1, 2]), c.optional(2), {
      padding: paddingOf(c, 0),
      strides: [c.int(2), c.int(1)],
      dilations: [c.int(5, 1), c.int(4, 1)],
    });
    return fused(c, 3, result);
  },
  DEPTHWISE_CONV_2D: (c) => {
    const result = conv2d(c.b, c.input(0), c.b.permute(c.input(1), [3, 0, 1, 2]), c.optional(2), {
      padding: paddingOf(c, 0),
      strides: [c.int(2), c.int(1)],
      dilations: [c.int(6, 1), c.int(5, 1)],
    });
    return fused(c, 4, result);
  },
  TRANSPOSE_CONV: (c) => {
    const [, height, width] = c.integers(0);
    const result = convTranspose2d(c.b, c.input(2), c.b.permute(c.input(1), [3, 0, 1, 2]), c.optional(3), {
      padding: paddingOf(c, 0),
      strides: [c.int(2), c.int(1)],
      dilations: [1, 1],
      size: [height as number, width as number],
    });
    return fused(c, 3, result);
  },
  AVERAGE_POOL_2D: (c) => pooling(c, "AveragePool"),
  MAX_POOL_2D: (c) => pooling(c, "MaxPool"),

  FULLY_CONNECTED: (c) => {
    if (c.byte(1) !== 0) throw c.b.error("unsupported layout of the weights");
    const weight = c.input(1);
    const columns = weight.shape[1] as Dim;
    const x = c.bool(2) || c.input(0).shape.length === 2 ? c.input(0) : reshapeTo(c.b, c.input(0), [-1, columns]);
    return fused(c, 0, matMul(c.b, x, weight, false, true, c.optional(2)));
  },
  BATCH_MATMUL: (c) => matMul(c.b, c.input(0), c.input(1), c.bool(0), c.bool(1)),
  L2_NORMALIZATION: (c) => fused(c, 0, l2Normalize(c.b, c.input(0))),

  ADD: (c) => fused(c, 0, binary(c.b, "Add", c.input(0), c.input(1))),
  SUB: (c) => fused(c, 0, binary(c.b, "Sub", c.input(0), c.input(1))),
  MUL: (c) => fused(c, 0, binary(c.b, "Mul", c.input(0), c.input(1))),
  DIV: (c) => fused(c, 0, binary(c.b, "Div", c.input(0), c.input(1))),
  FLOOR_DIV: (c) => binary(c.b, "Div", c.input(0), c.input(1)),
  POW: (c) => binary(c.b, "Pow", c.input(0), c.input(1)),
  MINIMUM: (c) => binary(c.b, "Min", c.input(0), c.input(1)),
  MAXIMUM: (c) => binary(c.b, "Max", c.input(0), c.input(1)),
  SQUARED_DIFFERENCE: (c) => {
    const difference = binary(c.b, "Sub", c.input(0), c.input(1));
    return binary(c.b, "Mul", difference, difference);
  },
  ADD_N: (c) => all(c).reduce((sum, value) => binary(c.b, "Add", sum, value)),

  RELU: (c) => activation(c.b, "relu", c.input(0)),
  RELU6: (c) => activation(c.b, "relu6", c.input(0)),
  RELU_N1_TO_1: (c) => activation(c.b, "relu_n1_to_1", c.input(0)),
  RELU_0_TO_1: (c) => activation(c.b, "relu_0_to_1", c.input(0)),
  LEAKY_RELU: (c) => unary(c.b, "LeakyRelu", c.input(0), { alpha: c.float(0) }),
  PRELU: (c) => prelu(c.b, c.input(0), c.input(1)),
  ELU: (c) => activation(c.b, "elu", c.input(0)),
  TANH: (c) => activation(c.b, "tanh", c.input(0)),
  LOGISTIC: (c) => activation(c.b, "sigmoid", c.input(0)),
  HARD_SWISH: (c) => activation(c.b, "hard_swish", c.input(0)),
  GELU: (c) => activation(c.b, c.bool(0) ? "gelu_tanh" : "gelu", c.input(0)),
  SOFTMAX: (c) => {
    const beta = c.float(0);
    const x = beta === 1 || beta === 0 ? c.input(0) : binary(c.b, "Mul", c.input(0), c.b.scalar("beta", beta));
    return softmax(c.b, x);
  },
  LOG_SOFTMAX: (c) => softmax(c.b, c.input(0), "LogSoftmax"),
  ABS: (c) => unary(c.b, "Abs", c.input(0)),
  NEG: (c) => unary(c.b, "Neg", c.input(0)),
  EXP: (c) => unary(c.b, "Exp", c.input(0)),
  LOG: (c) => unary(c.b, "Log", c.input(0)),
  SQRT: (c) => unary(c.b, "Sqrt", c.input(0)),
  RSQRT: (c) => unary(c.b, "Reciprocal", unary(c.b, "Sqrt", c.input(0))),
  SQUARE: (c) => binary(c.b, "Mul", c.input(0), c.input(0)),
  SIN: (c) => unary(c.b, "Sin", c.input(0)),
  COS: (c) => unary(c.b, "Cos", c.input(0)),
  FLOOR: (c) => unary(c.b, "Floor", c.input(0)),
  CEIL: (c) => unary(c.b, "Ceil", c.input(0)),
  ROUND: (c) => unary(c.b, "Round", c.input(0)),
  // The values stay; what they are rounded to is the output tensor's.
  QUANTIZE: (c) => c.input(0),
  DEQUANTIZE: (c) => c.input(0),

  MEAN: (c) => reduction(c, "ReduceMean"),
  SUM: (c) => reduction(c, "ReduceSum"),
  REDUCE_MAX: (c) => reduction(c, "ReduceMax"),
  REDUCE_MIN: (c) => reduction(c, "ReduceMin"),
  REDUCE_PROD: (c) => reduction(c, "ReduceProd"),
  ARG_MAX: (c) => argExtreme(c.b, "ArgMax", c.input(0), c.integers(1)[0] as number),
  ARG_MIN: (c) => argExtreme(c.b, "ArgMin", c.input(0), c.integers(1)[0] as number),

  RESHAPE: (c) => {
    const target = c.optional(1);
    return reshapeTo(c.b, c.input(0), (target && c.b.integers(target)) ?? c.ints(0));
  },
  SQUEEZE: (c) => squeeze(c.b, c.input(0), c.ints(0)),
  EXPAND_DIMS: (c) => expandDims(c.b, c.input(0), c.integers(1)[0] as number),
  TRANSPOSE: (c) => transpose(c.b, c.input(0), c.integers(1)),
  CONCATENATION: (c) => fused(c, 1, concat(c.b, all(c), c.int(0))),
  PACK: (c) => stack(c.b, all(c), c.int(1)),
  UNPACK: (c) => unstack(c.b, c.input(0), c.int(1)),
  SPLIT: (c) => split(c.b, c.input(1), c.integers(0)[0] as number, c.int(0)),
  SPLIT_V: (c) => split(c.b, c.input(0), c.integers(2)[0] as number, c.integers(1)),
  GATHER: (c) => {
    if (c.int(1) !== 0) throw c.b.error("batch_dims is not supported");
    return gather(c.b, c.input(0), c.input(1), c.int(0));
  },
  SLICE: (c) => {
    const [starts, sizes] = [c.integers(1), c.integers(2)];
    const ranges = starts.map((start, axis) => {
      const dim = c.input(0).shape[axis];
      const size = sizes[axis] as number;
      if (size === -1 && start === 0) return undefined;
      const whole = isBatch(dim) ? dim.batch * c.b.fileBatch : (dim as number);
      return { start, end: size === -1 ? whole : start + size, step: 1 };
    });
    return slice(c.b, c.input(0), ranges);
  },
  STRIDED_SLICE: (c) =>
    stridedSlice(c.b, c.input(0), {
      begin: c.integers(1),
      end: c.integers(2),
      strides: c.integers(3),
      beginMask: c.int(0),
      endMask: c.int(1),
      ellipsisMask: c.int(2),
      newAxisMask: c.int(3),
      shrinkAxisMask: c.int(4),
    }),
  PAD: (c) => pad(c.b, c.input(0), pairsOf(c.integers(1))),
  PADV2: (c) => pad(c.b, c.input(0), pairsOf(c.integers(1)), "constant", c.b.scalarOf(c.input(2))),
  MIRROR_PAD: (c) => {
    const paddings = pairsOf(c.integers(1));
    if (c.byte(0) === 0) return pad(c.b, c.input(0), paddings, "reflect");
    if (paddings.flat().every((size) => size <= 1)) return pad(c.b, c.input(0), paddings, "edge");
    throw c.b.error("symmetric padding of more than one pixel is not supported");
  },
  TILE: (c) => tile(c.b, c.input(0), c.integers(1)),
  RESIZE_BILINEAR: (c) =>
    resize(c.b, "linear", c.input(0), size(c), { alignCorners: c.bool(2), halfPixelCenters: c.bool(3) }),
  RESIZE_NEAREST_NEIGHBOR: (c) =>
    resize(c.b, "nearest", c.input(0), size(c), { alignCorners: c.bool(0), halfPixelCenters: c.bool(1) }),
  SHAPE: (c) => c.b.knownIntegers(c.input(0).shape),
  CAST: (c) => {
    const x = c.input(0);
    const target = castTypes[c.byte(1)];
    if (target === undefined) throw c.b.error("unsupported type of the result");
    if (x.known !== undefined || x.dtype === target.dtype) return x;
    return c.b.node("Cast", [x], { to: target.code }, { ...x, dtype: target.dtype });
  },
};

/** TensorFlow Lite's types, with ONNX's codes for them. */
const castTypes: Readonly<Record<number, { readonly dtype: DType; readonly code: number }>> = {
  0: { dtype: "float32", code: 1 },
  1: { dtype: "float32", code: 1 },
  2: { dtype: "int32", code: 6 },
  4: { dtype: "int64", code: 7 },
  6: { dtype: "bool", code: 9 },
};

const fusedActivations = ["linear", "relu", "relu_n1_to_1", "relu6", "tanh", "sign_bit"];

function fused(c: OperatorCall, field: number, value: Value): Value {
  const code = c.byte(field);
  return value.known === undefined ? activation(c.b, fusedActivations[code] ?? `code ${code}`, value) : value;
}

function paddingOf(c: OperatorCall, field: number): "SAME" | "VALID" {
  return c.byte(field) === 0 ? "SAME" : "VALID";
}

function pooling(c: OperatorCall, op: "MaxPool" | "AveragePool"): Value {
  const kernel = [c.int(4), c.int(3)] as const;
  return fused(c, 5, pool2d(c.b, op, c.input(0), { kernel, padding: paddingOf(c, 0), strides: [c.int(2), c.int(1)] }));
}

function reduction(c: OperatorCall, op: Reduction): Value {
  return reduce(c.b, op, c.input(0), c.integers(1), c.bool(0));
}

function all(c: OperatorCall): Value[] {
  return Array.from({ length: c.inputs }, (_, i) => c.input(i));
}

function size(c: OperatorCall): readonly [number, number] {
  return c.integers(1) as unknown as readonly [number, number];
}
