import { Tensor as OrtTensor, openSession } from "@classifier-training/inference/runtime";
import { fromTypedArray, manualSeed, noGrad, randn, type Tensor } from "@classifier-training/torch";
import { describe, expect, test } from "vitest";
import {
  GraphModule,
  type GraphNode,
  type GraphTensor,
  type OnnxGraph,
  readOnnxGraph,
  simplifyGraph,
  writeOnnxGraph,
} from "../src/index.ts";

type Attributes = GraphNode["attributes"];
type Constant = GraphTensor | undefined;

/** One node: what it computes of a tensor `x` of this shape, and of constants. */
interface Case {
  readonly name?: string;
  readonly op: string;
  readonly opset?: number;
  readonly x: readonly number[];
  readonly constants?: readonly Constant[];
  readonly attributes?: Attributes;
  /** The first input is the second of these, x follows. */
  readonly first?: GraphTensor;
  readonly outputs?: number;
  /** x is made of these instead of normal numbers. */
  readonly values?: (x: Tensor) => Tensor;
}

function floats(values: readonly number[], shape: readonly number[] = [values.length]): GraphTensor {
  return { dtype: "float32", shape, data: new Uint8Array(Float32Array.from(values).buffer) };
}

function ints(values: readonly number[], shape: readonly number[] = [values.length]): GraphTensor {
  return { dtype: "int64", shape, data: new Uint8Array(BigInt64Array.from(values, BigInt).buffer) };
}

/** Fixed numbers of both signs that look random. */
function noise(...shape: number[]): GraphTensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return floats(
    Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1)) * 0.7),
    shape,
  );
}

const positive = (x: Tensor) => x.abs().add(0.1);
const image = [2, 3, 7, 9];

const unary: Case[] = [
  ..."Abs Ceil Floor Neg Exp Erf Sign Sin Cos Tan Atan Asinh Sinh Cosh Tanh Sigmoid Relu Softplus Softsign HardSwish Round Elu Selu Celu LeakyRelu HardSigmoid Mish Identity Softmax LogSoftmax ThresholdedRelu GlobalAveragePool GlobalMaxPool"
    .split(" ")
    .map((op): Case => ({ op, opset: 18, x: image })),
  ...["Sqrt", "Log", "Reciprocal"].map((op): Case => ({ op, x: image, values: positive })),
  ...["Asin", "Acos", "Atanh"].map((op): Case => ({ op, x: image, values: (x) => x.tanh().mul(0.9) })),
  { op: "Acosh", x: image, values: (x) => positive(x).add(1) },
  { op: "Elu", x: image, attributes: { alpha: 0.3 } },
  { op: "Selu", x: image, attributes: { alpha: 1.5, gamma: 1.2 } },
  { op: "LeakyRelu", x: image, attributes: { alpha: 0.3 } },
  { op: "HardSigmoid", x: image, attributes: { alpha: 0.3, beta: 0.4 } },
  { op: "HardSigmoid", x: image, attributes: { alpha: 1 / 6, beta: 0.5 }, values: (x) => x.mul(4) },
  { op: "ThresholdedRelu", x: image, attributes: { alpha: 0.3 } },
  { op: "Shrink", x: image, attributes: { lambd: 0.4, bias: 0.1 } },
  { op: "Gelu", opset: 20, x: image },
  { op: "Gelu", opset: 20, x: image, attributes: { approximate: "tanh" } },
  { op: "PRelu", x: image, constants: [noise(3, 1, 1)] },
  { op: "PRelu", x: image, constants: [noise(1)] },
  { op: "PRelu", x: image, constants: [noise(3, 7, 9)] },
];

const softmaxes: Case[] = [7, 11, 13].flatMap((opset) =>
  [undefined, 1, 2, -1].flatMap((axis) =>
    ["Softmax", "LogSoftmax"].map(
      (op): Case => ({
        op,
        opset,
        x: image,
        attributes: axis === undefined || (axis < 0 && opset < 11) ? {} : { axis },
      }),
    ),
  ),
);

const windows: Case[] = [
  {
    op: "Conv",
    x: image,
    constants: [noise(4, 3, 3, 3), noise(4)],
    attributes: { pads: [1, 1, 1, 1], strides: [2, 1] },
  },
  { op: "Conv", x: image, constants: [noise(4, 3, 3, 3)], attributes: { pads: [0, 1, 1, 2] } },
  { op: "Conv", x: image, constants: [noise(6, 1, 3, 2)], attributes: { group: 3, dilations: [2, 1] } },
  ...["SAME_UPPER", "SAME_LOWER", "VALID"].flatMap((auto_pad): Case[] => [
    { op: "Conv", x: image, constants: [noise(4, 3, 3, 4)], attributes: { auto_pad, strides: [2, 2] } },
    { op: "Conv", x: image, constants: [noise(4, 3, 2, 3)], attributes: { auto_pad } },
    { op: "MaxPool", x: image, attributes: { auto_pad, kernel_shape: [3, 2], strides: [2, 2] } },
    { op: "AveragePool", x: image, attributes: { auto_pad, kernel_shape: [3, 2], strides: [2, 2] } },
    { op: "ConvTranspose", x: image, constants: [noise(3, 2, 3, 3)], attributes: { auto_pad, strides: [2, 2] } },
  ]),
  { op: "Conv", x: [2, 3, 9], constants: [noise(4, 3, 3), noise(4)], attributes: { pads: [1, 1], strides: [2] } },
  {
    op: "ConvTranspose",
    x: image,
    constants: [noise(3, 2, 3, 3), noise(2)],
    attributes: { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
  },
  {
    op: "ConvTranspose",
    x: image,
    constants: [noise(3, 2, 3, 3)],
    attributes: { strides: [2, 3], pads: [0, 1, 2, 1] },
  },
  {
    op: "ConvTranspose",
    x: image,
    constants: [noise(3, 2, 3, 3)],
    attributes: { strides: [2, 2], output_shape: [14, 18] },
  },
  { op: "ConvTranspose", x: [1, 4, 5, 5], constants: [noise(4, 2, 2, 2)], attributes: { group: 2, strides: [2, 2] } },
  { op: "MaxPool", x: image, attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] } },
  { op: "MaxPool", x: image, attributes: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 } },
  { op: "MaxPool", x: image, attributes: { kernel_shape: [2, 2], pads: [0, 0, 1, 1] } },
  { op: "MaxPool", x: image, attributes: { kernel_shape: [2, 2], dilations: [2, 2] } },
  { op: "MaxPool", x: [2, 3, 9], attributes: { kernel_shape: [3], strides: [2] } },
  { op: "AveragePool", x: image, attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] } },
  { op: "AveragePool", x: image, attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 } },
  { op: "AveragePool", x: image, attributes: { kernel_shape: [3, 3], pads: [0, 0, 1, 1], count_include_pad: 1 } },
  { op: "AveragePool", x: image, attributes: { kernel_shape: [3, 3], pads: [0, 0, 1, 1] } },
  { op: "AveragePool", x: image, attributes: { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 } },
  { op: "LRN", x: [2, 6, 4, 4], attributes: { size: 3, alpha: 0.01, beta: 0.6, bias: 2 } },
  { op: "LRN", x: [2, 6, 4, 4], attributes: { size: 5 } },
];

const norms: Case[] = [
  {
    op: "BatchNormalization",
    x: image,
    constants: [noise(3), noise(3), noise(3), floats([0.5, 1, 2])],
    attributes: { epsilon: 0.01 },
  },
  { op: "BatchNormalization", x: [4, 3], constants: [noise(3), noise(3), noise(3), floats([0.5, 1, 2])] },
  { op: "BatchNormalization", opset: 7, x: [4, 3, 5], constants: [noise(3), noise(3), noise(3), floats([0.5, 1, 2])] },
  { op: "LayerNormalization", x: [2, 5, 6], constants: [noise(6), noise(6)], attributes: { epsilon: 0.01 } },
  { op: "LayerNormalization", x: [2, 5, 6], constants: [noise(6)] },
  { op: "LayerNormalization", x: [2, 5, 6], constants: [noise(5, 6), noise(5, 6)], attributes: { axis: 1 } },
  { op: "InstanceNormalization", x: image, constants: [noise(3), noise(3)] },
  {
    op: "GroupNormalization",
    opset: 21,
    x: [2, 6, 4, 4],
    constants: [noise(6), noise(6)],
    attributes: { num_groups: 2 },
  },
  { op: "LpNormalization", x: image, attributes: { axis: 1 } },
  { op: "LpNormalization", x: image, attributes: { axis: -1, p: 1 } },
  { op: "MeanVarianceNormalization", x: image },
];

const reductions: Case[] = [
  "ReduceMean",
  "ReduceSum",
  "ReduceMax",
  "ReduceMin",
  "ReduceProd",
  "ReduceL1",
  "ReduceL2",
  "ReduceSumSquare",
  "ReduceLogSumExp",
].flatMap((op): Case[] => [
  ...(op === "ReduceSum" ? [] : [{ op, opset: 13, x: image, attributes: { axes: [2, 3], keepdims: 0 } }]),
  { op, opset: 11, x: image, attributes: { axes: [1] } },
  { op, opset: 13, x: image },
  { op, opset: 18, x: image, constants: [ints([-1, 1])], attributes: { keepdims: 0 } },
  { op, opset: 18, x: image, attributes: { noop_with_empty_axes: 1 } },
]);

const shapes: Case[] = [
  { op: "Reshape", x: image, constants: [ints([0, -1])] },
  { op: "Reshape", x: [2, 0, 3], constants: [ints([3, 0, 2])], attributes: { allowzero: 1 }, opset: 14 },
  { op: "Flatten", x: image },
  { op: "Flatten", x: image, attributes: { axis: 0 } },
  { op: "Flatten", x: image, attributes: { axis: -1 } },
  { op: "Transpose", x: image },
  { op: "Transpose", x: image, attributes: { perm: [0, 2, 3, 1] } },
  { op: "Squeeze", opset: 11, x: [2, 1, 3, 1], attributes: { axes: [1] } },
  { op: "Squeeze", x: [2, 1, 3, 1], constants: [ints([-1])] },
  { op: "Squeeze", x: [2, 1, 3, 1] },
  { op: "Unsqueeze", opset: 11, x: [2, 3], attributes: { axes: [0, 3] } },
  { op: "Unsqueeze", x: [2, 3], constants: [ints([-1, 0])] },
  { op: "Expand", x: [2, 1, 3], constants: [ints([4, 1, 5, 1])] },
  { op: "Tile", x: [2, 3], constants: [ints([2, 3])] },
  { op: "Concat", x: [2, 3], constants: [noise(4, 3)], attributes: { axis: 0 } },
  { op: "Split", opset: 11, x: [2, 6], attributes: { axis: 1, split: [2, 4] }, outputs: 2 },
  { op: "Split", x: [2, 6], attributes: { axis: -1 }, outputs: 3 },
  { op: "Split", x: [2, 6], constants: [ints([1, 5])], attributes: { axis: 1 }, outputs: 2 },
  { op: "Split", opset: 18, x: [2, 7], attributes: { axis: 1, num_outputs: 3 }, outputs: 3 },
  { op: "Shape", x: image },
  { op: "Shape", opset: 15, x: image, attributes: { start: 1, end: -1 } },
  { op: "Size", x: image },
  { op: "DepthToSpace", x: [1, 8, 2, 3], attributes: { blocksize: 2 } },
  { op: "DepthToSpace", x: [1, 8, 2, 3], attributes: { blocksize: 2, mode: "CRD" } },
  { op: "SpaceToDepth", x: [1, 2, 4, 6], attributes: { blocksize: 2 } },
];

const indexing: Case[] = [
  { op: "Slice", opset: 9, x: image, attributes: { starts: [1, -4], ends: [7, 1000], axes: [2, 3] } },
  { op: "Slice", x: image, constants: [ints([1, 8]), ints([7, -1000]), ints([2, -1]), ints([2, -3])] },
  { op: "Slice", x: image, constants: [ints([0, 1]), ints([2, 2])] },
  { op: "Slice", x: image, constants: [ints([5]), ints([2]), ints([2])] },
  { op: "Gather", x: image, constants: [ints([2, -1, 0, 0])], attributes: { axis: 1 } },
  { op: "Gather", x: image, constants: [ints([1], [])], attributes: { axis: -1 } },
  { op: "Gather", x: image, constants: [ints([0, 2, -1, 1], [2, 2])], attributes: { axis: 2 } },
  { op: "GatherElements", x: [3, 4], constants: [ints([0, 2, -1, 1], [1, 4])] },
  { op: "GatherND", x: [3, 4, 2], constants: [ints([0, 1, 2, 3], [2, 2])] },
  { op: "GatherND", x: [2, 4, 3], constants: [ints([1, 3], [2, 1])], attributes: { batch_dims: 1 } },
  { op: "ScatterElements", x: [3, 4], constants: [ints([0, 2, 1, 1], [1, 4]), noise(1, 4)] },
  {
    op: "ScatterElements",
    opset: 16,
    x: [3, 4],
    constants: [ints([0, 2, 0, 2], [2, 2]), noise(2, 2)],
    attributes: { axis: 1, reduction: "add" },
  },
  { op: "ScatterND", x: [3, 4, 2], constants: [ints([0, 1, 2, 3], [2, 2]), noise(2, 2)] },
  { op: "TopK", x: [3, 6], constants: [ints([2])], outputs: 2 },
  { op: "TopK", x: [3, 6], constants: [ints([2])], attributes: { axis: 0, largest: 0 }, outputs: 2 },
  { op: "ArgMax", x: image, attributes: { axis: 1 } },
  { op: "ArgMax", x: image, attributes: { axis: -1, keepdims: 0 } },
  { op: "ArgMin", x: image },
  { op: "CumSum", x: [3, 4], constants: [ints([1], [])] },
  { op: "CumSum", x: [3, 4], constants: [ints([0], [])], attributes: { exclusive: 1, reverse: 1 } },
  { op: "Trilu", x: [4, 5], constants: [ints([1], [])], attributes: { upper: 0 } },
  { op: "Trilu", x: [2, 4, 5] },
];

const pads: Case[] = [
  ...["constant", "reflect", "edge"].map(
    (mode): Case => ({ op: "Pad", x: image, constants: [ints([0, 0, 1, 2, 0, 0, 3, 0])], attributes: { mode } }),
  ),
  { op: "Pad", opset: 19, x: image, constants: [ints([0, 0, 1, 2, 0, 0, 3, 0])], attributes: { mode: "wrap" } },
  { op: "Pad", opset: 9, x: image, attributes: { pads: [0, 1, 1, 2, 1, 0, 3, 0], value: 0.5 } },
  { op: "Pad", x: image, constants: [ints([0, 0, -1, 2, 0, 0, 3, -2]), floats([0.7], [])] },
  { op: "Pad", opset: 18, x: image, constants: [ints([1, 2, 3, 4]), floats([0.7], []), ints([1, -1])] },
  { op: "Pad", x: [2, 5], constants: [ints([0, 2, 0, 1])], attributes: { mode: "reflect" } },
  { op: "Pad", x: image, constants: [ints([0, 1, 0, 0, 0, 1, 0, 0])], attributes: { mode: "edge" } },
];

const resizes: Case[] = [
  ...[
    { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" },
    { mode: "nearest", coordinate_transformation_mode: "half_pixel", nearest_mode: "round_prefer_ceil" },
    { mode: "nearest" },
    { mode: "nearest", coordinate_transformation_mode: "align_corners", nearest_mode: "round_prefer_ceil" },
    { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "ceil" },
    { mode: "linear", coordinate_transformation_mode: "half_pixel" },
    { mode: "linear", coordinate_transformation_mode: "pytorch_half_pixel" },
    { mode: "linear", coordinate_transformation_mode: "align_corners" },
    { mode: "linear", coordinate_transformation_mode: "asymmetric" },
    { mode: "cubic", coordinate_transformation_mode: "half_pixel" },
  ].flatMap((attributes): Case[] => [
    { op: "Resize", x: [1, 2, 5, 6], constants: [undefined, undefined, ints([1, 2, 8, 13])], attributes },
    { op: "Resize", x: [1, 2, 5, 6], constants: [undefined, undefined, ints([1, 2, 3, 4])], attributes },
    { op: "Resize", x: [1, 2, 5, 6], constants: [undefined, floats([1, 1, 2, 2])], attributes },
  ]),
  {
    op: "Resize",
    x: [1, 2, 5, 6],
    constants: [undefined, floats([1, 1, 1.7, 0.6])],
    attributes: { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" },
  },
  { op: "Resize", x: [1, 2, 5, 6], constants: [undefined, floats([1, 1, 1.7, 0.6])], attributes: { mode: "linear" } },
  { op: "Resize", opset: 10, x: [1, 2, 5, 6], constants: [floats([1, 1, 2, 3])], attributes: { mode: "nearest" } },
  { op: "Upsample", opset: 9, x: [1, 2, 5, 6], constants: [floats([1, 1, 2, 3])], attributes: { mode: "nearest" } },
  { op: "Upsample", opset: 7, x: [1, 2, 5, 6], attributes: { mode: "nearest", scales: [1, 1, 2, 2] } },
  { op: "Upsample", opset: 9, x: [1, 2, 5, 6], constants: [floats([1, 1, 2, 2])], attributes: { mode: "linear" } },
];

const products: Case[] = [
  { op: "MatMul", x: [3, 4], constants: [noise(4, 5)] },
  { op: "MatMul", x: [2, 3, 4], constants: [noise(4, 5)] },
  { op: "MatMul", x: [2, 3, 4], constants: [noise(2, 4, 5)] },
  { op: "MatMul", x: [4], constants: [noise(4, 5)] },
  { op: "MatMul", x: [3, 4], constants: [noise(4)] },
  { op: "MatMul", x: [4, 5], first: noise(3, 4) },
  { op: "Gemm", x: [3, 4], constants: [noise(5, 4), noise(5)], attributes: { transB: 1 } },
  { op: "Gemm", x: [3, 4], constants: [noise(4, 5), noise(1, 5)] },
  { op: "Gemm", x: [3, 4], constants: [noise(4, 5), noise(3, 5)], attributes: { alpha: 0.5, beta: 2 } },
  { op: "Gemm", x: [4, 3], constants: [noise(4, 5)], attributes: { transA: 1 } },
  { op: "Gemm", x: [3, 4], constants: [noise(4, 5), floats([2], [])] },
  { op: "Einsum", x: [2, 3, 4], constants: [noise(4, 5)], attributes: { equation: "bij,jk->bik" } },
];

const arithmetic: Case[] = [
  ...["Add", "Sub", "Mul", "Div"].flatMap((op): Case[] => [
    { op, x: image, constants: [noise(3, 1, 1)] },
    { op, x: image, constants: [floats([0.3], [])] },
    { op, x: image, constants: [floats([0.3])] },
    { op, x: [3], first: noise(2, 3) },
    { op, x: image, first: floats([0.3], []) },
  ]),
  { op: "Pow", x: image, constants: [floats([2], [])] },
  { op: "Pow", x: image, constants: [floats([0.3])], values: positive },
  { op: "Pow", x: image, first: floats([2], []) },
  ...["Max", "Min", "Sum", "Mean"].map(
    (op): Case => ({ op, x: image, constants: [noise(3, 1, 1), floats([0.1], [])] }),
  ),
  ...["Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Equal"].map(
    (op): Case => ({ op, x: image, constants: [noise(9)] }),
  ),
  { op: "Mod", x: image, constants: [floats([0.7], [])], attributes: { fmod: 1 } },
  { op: "Clip", opset: 9, x: image, attributes: { min: -0.5, max: 0.5 } },
  { op: "Clip", opset: 9, x: image, attributes: { min: 0 } },
  { op: "Clip", x: image, constants: [floats([0], []), floats([6], [])], values: (x) => x.mul(6) },
  { op: "Clip", x: image, constants: [undefined, floats([0.2], [])] },
  { op: "Clip", x: image },
  { op: "Cast", x: image, attributes: { to: 7 } },
  { op: "Cast", x: image, attributes: { to: 9 } },
  { op: "IsNaN", x: image },
  { op: "IsInf", x: image },
  { op: "Dropout", opset: 11, x: image, attributes: { ratio: 0.5 } },
  { op: "Dropout", x: image, constants: [floats([0.5], [])] },
];

const quantized: Case[] = [
  {
    op: "QuantizeLinear",
    x: image,
    constants: [floats([0.02], []), { dtype: "uint8", shape: [], data: Uint8Array.of(120) }],
  },
  {
    op: "QuantizeLinear",
    x: image,
    constants: [floats([0.02, 0.01, 0.03]), { dtype: "int8", shape: [3], data: Uint8Array.of(0, 3, 253) }],
    attributes: { axis: 1 },
  },
  { op: "DynamicQuantizeLinear", x: image, outputs: 3 },
];

function graphOf({ op, opset = 17, x, constants = [], attributes = {}, first, outputs = 1 }: Case): OnnxGraph {
  const initializers = new Map<string, GraphTensor>();
  const given = constants.map((tensor, i) => {
    if (tensor !== undefined) initializers.set(`c${i}`, tensor);
    return tensor === undefined ? "" : `c${i}`;
  });
  if (first !== undefined) initializers.set("first", first);
  const inputs = [...(first === undefined ? [] : ["first"]), "x", ...given];
  const names = Array.from({ length: outputs }, (_, i) => `y${i}`);
  return {
    inputs: [{ name: "x", dtype: "float32", shape: [...x] }],
    outputs: names.map((name) => ({ name, dtype: outputTypes[op]?.[Number(name.slice(1))] ?? "float32", shape: [] })),
    nodes: [{ op, name: "node", inputs, outputs: names, attributes }],
    initializers,
    opset,
    metadata: {},
    producer: "test",
  };
}

const outputTypes: Readonly<Record<string, readonly GraphTensor["dtype"][]>> = {
  Shape: ["int64"],
  Size: ["int64"],
  ArgMax: ["int64"],
  ArgMin: ["int64"],
  TopK: ["float32", "int64"],
  Greater: ["bool"],
  Less: ["bool"],
  GreaterOrEqual: ["bool"],
  LessOrEqual: ["bool"],
  Equal: ["bool"],
  IsNaN: ["bool"],
  IsInf: ["bool"],
};

function title({ name, op, opset = 17, x, constants, attributes, first }: Case): string {
  const kinds = constants?.map((tensor) => (tensor === undefined ? "-" : `[${tensor.shape}]`)).join("") ?? "";
  return name ?? `${op}-${opset} of ${first ? "constant and " : ""}[${x}]${kinds} ${JSON.stringify(attributes ?? {})}`;
}

describe.each(
  Object.entries({
    unary,
    softmaxes,
    windows,
    norms,
    reductions,
    shapes,
    indexing,
    pads,
    resizes,
    products,
    arithmetic,
    quantized,
  }),
)("%s", (_, cases) => {
  test.each(cases.map((one) => [title(one), one] as const))("%s computes what ONNX Runtime does", async (_, one) => {
    manualSeed(3);
    const { x, values } = one;
    const input = values === undefined ? randn([...x]) : values(randn([...x]));
    const graph = graphOf(one);
    const declared =
      one.op === "Cast" || one.op.includes("Quantize")
        ? { ...graph, outputs: graph.outputs.map((port) => ({ ...port, dtype: castType(one, port.name) })) }
        : graph;
    const bytes = writeOnnxGraph(declared);
    const session = await openSession(bytes);
    const results = await session.run({ x: new OrtTensor("float32", input.toTypedArray() as Float32Array, [...x]) });
    await session.release();
    for (const [i, name] of graph.outputs.map(({ name }) => name).entries()) {
      const expected = results[name] as OrtTensor;
      const read = readOnnxGraph(bytes, "node.onnx");
      const network = new GraphModule(
        simplifyGraph({ ...read, outputs: [read.outputs[i] as OnnxGraph["outputs"][0]] }),
      );
      const actual = noGrad(() => network.eval().call(input));
      expect(actual.shape).toEqual(expected.dims.map(Number));
      const wanted = Array.from(expected.data as ArrayLike<number | bigint>, Number);
      const difference = wanted.reduce(
        (largest, value, at) => Math.max(largest, distance(numbers(actual)[at] as number, value)),
        0,
      );
      expect(difference).toBeLessThan(2e-5);
    }
  });
});

function castType({ op, attributes, constants }: Case, name: string): GraphTensor["dtype"] {
  if (op === "Cast") return attributes?.["to"] === 7 ? "int64" : "bool";
  if (op === "QuantizeLinear") return constants?.[1]?.dtype ?? "uint8";
  return name === "y1" ? "float32" : "uint8";
}

const read = new WeakMap<Tensor, number[]>();
function numbers(tensor: Tensor): number[] {
  const known = read.get(tensor) ?? Array.from(tensor.toTypedArray() as ArrayLike<number | bigint>, Number);
  read.set(tensor, known);
  return known;
}

/** Relative to numbers above 1. */
function distance(a: number, b: number): number {
  return Object.is(a, b) || a === b ? 0 : Math.abs(a - b) / Math.max(1, Math.abs(b));
}

test("DequantizeLinear of a constant is folded into a float32 weight", async () => {
  const quantizedWeight: GraphTensor = { dtype: "int8", shape: [2, 3], data: Uint8Array.of(1, 2, 255, 4, 5, 250) };
  const graph: OnnxGraph = {
    ...graphOf({ op: "MatMul", x: [4, 2] }),
    nodes: [
      {
        op: "DequantizeLinear",
        name: "dq",
        inputs: ["w", "scale", "zero"],
        outputs: ["w_float"],
        attributes: { axis: 1 },
      },
      { op: "MatMul", name: "product", inputs: ["x", "w_float"], outputs: ["y0"], attributes: {} },
    ],
    initializers: new Map<string, GraphTensor>([
      ["w", quantizedWeight],
      ["scale", floats([0.5, 0.1, 2])],
      ["zero", { dtype: "int8", shape: [3], data: Uint8Array.of(0, 1, 0) }],
    ]),
  };
  const simple = simplifyGraph(graph);
  expect(simple.nodes.map(({ op }) => op)).toEqual(["MatMul"]);
  const network = new GraphModule(simple);
  const x = fromTypedArray(Float32Array.from([1, 0, 0, 1, 1, 1, 0, 0]), [4, 2]);
  expect(network.call(x).detach().tolist()).toEqual([
    [0.5, expect.closeTo(0.1), -2],
    [2, expect.closeTo(0.4), -12],
    [2.5, expect.closeTo(0.5), -14],
    [0, 0, 0],
  ]);
});
