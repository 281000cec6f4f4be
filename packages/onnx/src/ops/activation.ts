import { float } from "../proto/build.ts";
import type { Converter, ConverterTable } from "./call.ts";

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

const clamp: Converter = (call, graph) => {
  const { name, dtype } = call.tensor("self");
  const bound = (key: string) => (call.has(key) ? graph.scalar(call.number(key), dtype) : undefined);
  return graph.node("Clip", [name, bound("min"), bound("max")]);
};

const hardtanh: Converter = (call, graph) => {
  const { name, dtype } = call.tensor("self");
  const low = graph.scalar(call.number("min_val", -1), dtype);
  return graph.node("Clip", [name, low, graph.scalar(call.number("max_val", 1), dtype)]);
};

const relu6: Converter = (call, graph) => {
  const { name, dtype } = call.tensor("self");
  return graph.node("Clip", [name, graph.scalar(0, dtype), graph.scalar(6, dtype)]);
};

const leakyRelu: Converter = (call, graph) =>
  graph.node("LeakyRelu", [call.tensor("self").name], { alpha: float(call.number("negative_slope", 0.01)) });

const elu: Converter = (call, graph) => {
  if (call.number("scale", 1) !== 1 || call.number("input_scale", 1) !== 1) throw call.unsupported("it is scaled");
  return graph.node("Elu", [call.tensor("self").name], { alpha: float(call.number("alpha", 1)) });
};

function softmax(opType: "Softmax" | "LogSoftmax"): Converter {
  return (call, graph) => {
    const { name, shape } = call.tensor("self");
    return graph.node(opType, [name], { axis: call.axis("dim", shape.length) });
  };
}

/** Dropout and its kin do nothing at inference. */
const dropout: Converter = (call) => {
  if (call.boolean("train") && call.number("p", 0.5) > 0)
    throw call.unsupported("it is random; call model.eval() first");
  return call.tensor("input").name;
};

export const activationOps: ConverterTable = {
  relu: unary("Relu"),
  sigmoid: unary("Sigmoid"),
  tanh: unary("Tanh"),
  softplus: unary("Softplus"),
  hardswish: unary("HardSwish"),
  hardsigmoid,
  gelu,
  silu,
  mish,
  clamp,
  hardtanh,
  relu6,
  leaky_relu: leakyRelu,
  elu,
  softmax: softmax("Softmax"),
  _softmax: softmax("Softmax"),
  log_softmax: softmax("LogSoftmax"),
  _log_softmax: softmax("LogSoftmax"),
  dropout,
};
