import { float } from "../proto/build.ts";
import { type Converter, type ConverterTable, positiveAxis } from "./call.ts";

function unary(opType: string): Converter {
  return (call, graph) => graph.node(opType, [call.tensor("self").name]);
}

/** The error function's GELU, or its tanh approximation; opset 17 has neither as one operator. */
const gelu: Converter = (call, graph) => {
  const { name, dtype } = call.tensor("self");
  const constant = (value: number) => graph.scalar(value, dtype);
  let gate: string;
  if (call.text("approximate", "none") === "tanh") {
    const cube = graph.node("Mul", [graph.node("Mul", [name, name]), name]);
    const inner = graph.node("Add", [name, graph.node("Mul", [cube, constant(0.044715)])]);
    gate = graph.node("Tanh", [graph.node("Mul", [inner, constant(Math.sqrt(2 / Math.PI))])]);
  } else {
    gate = graph.node("Erf", [graph.node("Div", [name, constant(Math.SQRT2)])]);
  }
  const scaled = graph.node("Mul", [name, graph.node("Add", [gate, constant(1)])]);
  return graph.node("Mul", [scaled, constant(0.5)]);
};

const silu: Converter = (call, graph) => {
  const { name } = call.tensor("self");
  return graph.node("Mul", [name, graph.node("Sigmoid", [name])]);
};

const mish: Converter = (call, graph) => {
  const { name } = call.tensor("self");
  return graph.node("Mul", [name, graph.node("Tanh", [graph.node("Softplus", [name])])]);
};

/** relu6(x + 3) / 6 */
const hardsigmoid: Converter = (call, graph) =>
  graph.node("HardSigmoid", [call.tensor("self").name], { alpha: float(1 / 6), beta: float(0.5) });

/** Bounds are numbers or tensors; with both, the upper one wins where they cross. */
const clamp: Converter = (call, graph) => {
  const self = call.tensor("self");
  const { dtype } = call.result;
  let name = graph.cast(self, dtype);
  for (const [key, opType] of [
    ["min", "Max"],
    ["max", "Min"],
  ] as const) {
    if (!call.has(key)) continue;
    const tensor = call.optionalTensor(key);
    const bound = tensor === undefined ? graph.scalar(call.number(key), dtype) : graph.cast(tensor, dtype);
    name = graph.node(opType, [name, bound]);
  }
  return name;
};

const hardtanh: Converter = (call, graph) => {
  const { name, dtype } = call.tensor("self");
  const low = graph.scalar(call.number("min_val", -1), dtype);
  return graph.node("Clip", [name, low, graph.scalar(call.number("max_val", 1), dtype)]);
};

/** log(1 + exp(beta x)) / beta, and x itself where beta x is above the threshold. */
const softplus: Converter = (call, graph) => {
  const { name, dtype } = call.tensor("self");
  const [beta, threshold] = [call.number("beta", 1), call.number("threshold", 20)];
  const scaled = beta === 1 ? name : graph.node("Mul", [name, graph.scalar(beta, dtype)]);
  const soft = graph.node("Softplus", [scaled]);
  const curve = beta === 1 ? soft : graph.node("Div", [soft, graph.scalar(beta, dtype)]);
  return graph.node("Where", [graph.node("Greater", [scaled, graph.scalar(threshold, dtype)]), name, curve]);
};

/** -softplus(-x) */
const logSigmoid: Converter = (call, graph) => {
  const { name } = call.tensor("self");
  const result = graph.node("Neg", [graph.node("Softplus", [graph.node("Neg", [name])])]);
  return call.onlyFirst(result);
};

/** One slope, or one for each channel, which is the second axis. */
const prelu: Converter = (call, graph) => {
  const { name, shape } = call.tensor("self");
  const weight = call.tensor("weight");
  const isPerChannel = weight.shape.length === 1 && shape.length > 2;
  const slope = isPerChannel
    ? graph.node("Reshape", [weight.name, graph.ints([-1, ...new Array<number>(shape.length - 2).fill(1)])])
    : weight.name;
  return graph.node("PRelu", [name, slope]);
};

/** x where |x| is above lambda, else 0; the soft one also moves what stays toward 0 by lambda. */
function shrink(isSoft: boolean): Converter {
  return (call, graph) => {
    const { name } = call.tensor("self");
    const lambda = call.number("lambd", 0.5);
    return graph.node("Shrink", [name], { lambd: float(lambda), bias: float(isSoft ? lambda : 0) });
  };
}

const threshold: Converter = (call, graph) => {
  const { name, dtype } = call.tensor("self");
  const above = graph.node("Greater", [name, graph.scalar(call.number("threshold"), dtype)]);
  return graph.node("Where", [above, name, graph.scalar(call.number("value"), dtype)]);
};

/** The first half of an axis, gated by the sigmoid of the second. */
const glu: Converter = (call, graph) => {
  const self = call.tensor("self");
  const axis = call.axis("dim", self.shape.length, -1);
  const half = call.fixedSize(self, axis) / 2;
  const [value, gate] = graph.nodeN("Split", [self.name, graph.ints([half, half])], 2, { axis });
  return graph.node("Mul", [value, graph.node("Sigmoid", [gate])]);
};

/** At inference the slope is the middle of its range. */
const rrelu: Converter = (call, graph) => {
  if (call.boolean("training")) throw call.unsupported("it is random; call model.eval() first");
  const alpha = (call.number("lower", 1 / 8) + call.number("upper", 1 / 3)) / 2;
  return graph.node("LeakyRelu", [call.tensor("self").name], { alpha: float(alpha) });
};

const relu6: Converter = (call, graph) => {
  const { name, dtype } = call.tensor("self");
  return graph.node("Clip", [name, graph.scalar(0, dtype), graph.scalar(6, dtype)]);
};

const leakyRelu: Converter = (call, graph) =>
  graph.node("LeakyRelu", [call.tensor("self").name], { alpha: float(call.number("negative_slope", 0.01)) });

/** scale * (x where it is positive, alpha * (exp(input_scale * x) - 1) elsewhere) */
const elu: Converter = (call, graph) => {
  const { name, dtype } = call.tensor("self");
  if (call.number("input_scale", 1) !== 1) throw call.unsupported("its input is scaled");
  const curve = graph.node("Elu", [name], { alpha: float(call.number("alpha", 1)) });
  const scale = call.number("scale", 1);
  return scale === 1 ? curve : graph.node("Mul", [curve, graph.scalar(scale, dtype)]);
};

const celu: Converter = (call, graph) =>
  graph.node("Celu", [call.tensor("self").name], { alpha: float(call.number("alpha", 1)) });

function softmax(opType: "Softmax" | "LogSoftmax"): Converter {
  return (call, graph) => {
    const self = call.tensor("self");
    const axis = Math.max(0, positiveAxis(call.number("dim"), self.shape.length));
    call.ignore("half_to_float");
    return graph.node(opType, [graph.cast(self, call.result.dtype)], { axis });
  };
}

/** Dropout and its kin do nothing at inference. */
const dropout: Converter = (call) => {
  if (call.boolean("train") && call.number("p") > 0) throw call.unsupported("it is random; call model.eval() first");
  return call.operand.name;
};

export const activationOps: ConverterTable = {
  relu: unary("Relu"),
  sigmoid: unary("Sigmoid"),
  tanh: unary("Tanh"),
  softplus,
  hardswish: unary("HardSwish"),
  hardsigmoid,
  gelu,
  silu,
  mish,
  clamp,
  clip: clamp,
  clamp_min: clamp,
  clamp_max: clamp,
  hardtanh,
  relu6,
  leaky_relu: leakyRelu,
  prelu,
  _prelu_kernel: prelu,
  rrelu,
  elu,
  celu,
  selu: unary("Selu"),
  log_sigmoid: logSigmoid,
  log_sigmoid_forward: logSigmoid,
  hardshrink: shrink(false),
  softshrink: shrink(true),
  threshold,
  glu,
  softmax: softmax("Softmax"),
  _softmax: softmax("Softmax"),
  log_softmax: softmax("LogSoftmax"),
  _log_softmax: softmax("LogSoftmax"),
  dropout,
  feature_dropout: dropout,
  alpha_dropout: dropout,
  feature_alpha_dropout: dropout,
};
