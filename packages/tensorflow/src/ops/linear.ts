import type { GraphBuilder, Value } from "../graph/builder.ts";
import { type Dim, sameDim, shapeText } from "../graph/dims.ts";
import { binary, unary } from "./elementwise.ts";
import { reshapeTo } from "./shape.ts";

/**
 * `x weight^T + bias` over the last axis.
 * @param weight `[out, in]`
 */
export function fullyConnected(b: GraphBuilder, x: Value, weight: Value, bias: Value | undefined): Value {
  const [outputs, inputs] = weight.shape;
  const last = x.shape.at(-1);
  if (outputs === undefined || inputs === undefined || !sameDim(last, inputs)) {
    throw b.error(`weights of the shape ${shapeText(weight.shape)} do not fit an input of ${shapeText(x.shape)}`);
  }
  const shape = [...x.shape.slice(0, -1), outputs];
  if (shape.length === 2) return b.node("Gemm", [x, weight, bias], { transB: 1 }, { shape });
  const product = b.node("MatMul", [b.plain(x), b.permute(weight, [1, 0])], {}, { shape });
  return bias === undefined ? product : binary(b, "Add", product, bias);
}

/** The matrix product of the last two axes, either transposed first, plus `bias`. */
export function matMul(
  b: GraphBuilder,
  x: Value,
  y: Value,
  transposeX = false,
  transposeY = false,
  bias: Value | undefined = undefined,
): Value {
  if (!transposeX && y.data !== undefined && y.shape.length === 2) {
    return fullyConnected(b, x, transposeY ? y : b.permute(y, [1, 0]), bias);
  }
  const swap = (value: Value, wanted: boolean) => {
    if (!wanted) return b.plain(value);
    const order = value.shape.map((_, axis) => axis);
    return b.permute(value, [...order.slice(0, -2), order.length - 1, order.length - 2]);
  };
  const [left, right] = [swap(x, transposeX), swap(y, transposeY)];
  const longer = left.shape.length >= right.shape.length ? left : right;
  const shape = [...longer.shape.slice(0, -2), left.shape.at(-2) as Dim, right.shape.at(-1) as Dim];
  const product = b.node("MatMul", [left, right], {}, { shape });
  return bias === undefined ? product : binary(b, "Add", product, bias);
}

/** `(x - mean) / sqrt(variance + epsilon) * scale + offset` of each channel, all constants of the shape `[channels]`. */
export function batchNorm(
  b: GraphBuilder,
  x: Value,
  { scale, offset, mean, variance }: Readonly<Record<"scale" | "offset" | "mean" | "variance", Value>>,
  epsilon: number,
): Value {
  if (x.shape.length !== 2 && x.shape.length !== 4) {
    const flat = reshapeTo(b, x, [-1, x.shape.at(-1) as Dim]);
    const result = batchNorm(b, flat, { scale, offset, mean, variance }, epsilon);
    return b.reshape(result, x.shape);
  }
  const input = x.shape.length === 4 ? b.channelsFirst(x) : x;
  return b.node("BatchNormalization", [input, scale, offset, mean, variance], { epsilon }, input);
}

/** `x / sqrt(sum(x^2))` over the last axis. */
export function l2Normalize(b: GraphBuilder, x: Value): Value {
  const plain = b.plain(x);
  const axis = plain.shape.length - 1;
  const squares = binary(b, "Mul", plain, plain);
  const shape = plain.shape.map((dim, i) => (i === axis ? 1 : dim));
  const sum = b.node("ReduceSum", [squares, b.int64s("axes", [axis])], { keepdims: 1 }, { shape });
  return binary(b, "Div", plain, unary(b, "Sqrt", binary(b, "Max", sum, b.scalar("epsilon", 1e-12))));
}
