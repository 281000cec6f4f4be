import type { GraphBuilder, Value } from "../graph/builder.ts";
import { broadcastShapes, type Dim, mapDim, shapeText } from "../graph/dims.ts";

/** An operator of one tensor, element by element. */
export function unary(b: GraphBuilder, op: string, x: Value, attributes: Record<string, number> = {}): Value {
  return b.node(op, [x], attributes, x);
}

/** An operator of two tensors that broadcast as in NumPy. */
export function binary(b: GraphBuilder, op: string, x: Value, y: Value): Value {
  const known = foldIntegers(b, op, x, y);
  if (known !== undefined) return known;
  const shape = broadcastShapes(x.shape, y.shape);
  if (shape === undefined) {
    throw b.error(`cannot combine the shapes ${shapeText(x.shape)} and ${shapeText(y.shape)}`);
  }
  const [left, right] = alignLayouts(b, [x, y]) as [Value, Value];
  const dtype = comparisons.has(op) ? "bool" : x.dtype;
  return b.node(op, [left, right], {}, { shape, dtype, channelsFirst: left.channelsFirst || right.channelsFirst });
}

const comparisons = new Set(["Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"]);

/** The tensors in one layout, ready to broadcast: NCHW as soon as one of them is. */
export function alignLayouts(b: GraphBuilder, values: readonly Value[]): Value[] {
  const rank = Math.max(...values.map(({ shape }) => shape.length));
  if (rank !== 4 || !values.some(({ channelsFirst }) => channelsFirst)) return values.map((value) => b.plain(value));
  return values.map((value) => {
    if (value.shape.every((dim) => dim === 1)) return value;
    const ones = new Array<Dim>(4 - value.shape.length).fill(1);
    return b.channelsFirst(ones.length === 0 ? value : b.reshape(value, [...ones, ...value.shape]));
  });
}

const integerOperators: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => Math.floor(a / b),
  Min: Math.min,
  Max: Math.max,
};

/** Arithmetic of shapes, now. */
function foldIntegers(b: GraphBuilder, op: string, x: Value, y: Value): Value | undefined {
  const apply = integerOperators[op];
  if (apply === undefined || !x.dtype.startsWith("int") || (x.known ?? y.known) === undefined) return undefined;
  const [left, right] = [b.integers(x), b.integers(y)];
  if (left === undefined || right === undefined) return undefined;
  const count = Math.max(left.length, right.length);
  const values = Array.from({ length: count }, (_, i): Dim => {
    const [one, other] = [left[left.length === 1 ? 0 : i] ?? 1, right[right.length === 1 ? 0 : i] ?? 1];
    if (typeof other === "number") {
      const scales = op === "Mul" || op === "Div" || typeof one === "number";
      return scales ? mapDim(one, (size) => apply(size, other)) : "unknown";
    }
    return op === "Mul" && typeof one === "number" ? mapDim(other, (size) => size * one) : "unknown";
  });
  return b.knownIntegers(values, x.shape.length === 0 && y.shape.length === 0 ? 0 : 1);
}

/** The largest or the smallest of two tensors, or of one and a number. */
export function clip(b: GraphBuilder, x: Value, low: number | undefined, high: number | undefined): Value {
  const bound = (value: number | undefined) => (value === undefined ? undefined : b.scalar("bound", value));
  const inputs = high === undefined ? [x, bound(low)] : [x, bound(low), bound(high)];
  return b.node("Clip", inputs, {}, x);
}

/** Activation functions by the names that Keras gives them. */
const activations: Readonly<Record<string, (b: GraphBuilder, x: Value) => Value>> = {
  linear: (_, x) => x,
  relu: (b, x) => unary(b, "Relu", x),
  relu6: (b, x) => clip(b, x, 0, 6),
  relu_n1_to_1: (b, x) => clip(b, x, -1, 1),
  relu_0_to_1: (b, x) => clip(b, x, 0, 1),
  elu: (b, x) => unary(b, "Elu", x, { alpha: 1 }),
  selu: (b, x) => unary(b, "Selu", x),
  tanh: (b, x) => unary(b, "Tanh", x),
  sigmoid: (b, x) => unary(b, "Sigmoid", x),
  softplus: (b, x) => unary(b, "Softplus", x),
  softsign: (b, x) => unary(b, "Softsign", x),
  exponential: (b, x) => unary(b, "Exp", x),
  swish: (b, x) => binary(b, "Mul", x, unary(b, "Sigmoid", x)),
  // Keras: clip(0.2 x + 0.5, 0, 1).
  hard_sigmoid: (b, x) => unary(b, "HardSigmoid", x, { alpha: 0.2, beta: 0.5 }),
  hard_swish: (b, x) => unary(b, "HardSwish", x),
  gelu: (b, x) => {
    const erf = unary(b, "Erf", binary(b, "Mul", x, b.scalar("sqrt_half", Math.SQRT1_2)));
    const half = binary(b, "Mul", x, b.scalar("half", 0.5));
    return binary(b, "Mul", half, binary(b, "Add", erf, b.scalar("one", 1)));
  },
  // https://arxiv.org/abs/1606.08415, section 2.
  gelu_tanh: (b, x) => {
    const cubed = binary(b, "Mul", binary(b, "Mul", x, x), x);
    const inner = binary(b, "Add", x, binary(b, "Mul", cubed, b.scalar("cubic", 0.044715)));
    const tanh = unary(b, "Tanh", binary(b, "Mul", inner, b.scalar("scale", Math.sqrt(2 / Math.PI))));
    const half = binary(b, "Mul", x, b.scalar("half", 0.5));
    return binary(b, "Mul", half, binary(b, "Add", tanh, b.scalar("one", 1)));
  },
  mish: (b, x) => binary(b, "Mul", x, unary(b, "Tanh", unary(b, "Softplus", x))),
  softmax: (b, x) => softmax(b, x),
};

/** @throws TensorflowError for a function that is not known */
export function activation(b: GraphBuilder, name: string, x: Value): Value {
  const apply = Object.hasOwn(activations, name) ? activations[name] : undefined;
  if (apply === undefined) throw b.error(`unsupported activation function '${name}'`);
  return apply(b, x);
}

/** Over the last axis. */
export function softmax(b: GraphBuilder, x: Value, op: "Softmax" | "LogSoftmax" = "Softmax"): Value {
  return b.node(op, [x], { axis: x.channelsFirst ? 1 : x.shape.length - 1 }, x);
}

/** `max(x, 0) + alpha * min(x, 0)`, alpha broadcast over the images. */
export function prelu(b: GraphBuilder, x: Value, alpha: Value): Value {
  const [left, slope] = alignLayouts(b, [x, alpha]) as [Value, Value];
  return b.node("PRelu", [left, slope], {}, left);
}
