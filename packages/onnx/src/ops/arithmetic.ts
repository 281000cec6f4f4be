import type { GraphBuilder } from "../graph/builder.ts";
import { type Converter, type ConverterTable, isValue, type OpCall } from "./call.ts";

/** A tensor argument, or a number as a scalar, in the dtype that the operation computes in. */
function operand(call: OpCall, graph: GraphBuilder, name: string): string {
  const raw = call.raw(name);
  const { dtype } = call.result;
  const computed = dtype === "bool" ? comparisonType(call) : dtype;
  if (isValue(raw)) return graph.cast(raw, computed);
  return graph.scalar(call.number(name), computed);
}

/** Comparisons compute in the dtype of their operands, floating point before whole numbers. */
function comparisonType(call: OpCall) {
  const types = ["self", "other"].map((name) => call.raw(name)).filter(isValue);
  return (types.find(({ dtype }) => dtype.includes("float")) ?? types[0] ?? call.result).dtype;
}

function binary(opType: string): Converter {
  return (call, graph) => graph.node(opType, [operand(call, graph, "self"), operand(call, graph, "other")]);
}

/** self + alpha * other, and the same for differences. */
function scaledBinary(opType: "Add" | "Sub"): Converter {
  return (call, graph) => {
    const alpha = call.number("alpha", 1);
    let other = operand(call, graph, "other");
    if (alpha !== 1) other = graph.node("Mul", [other, graph.scalar(alpha, call.result.dtype)]);
    return graph.node(opType, [operand(call, graph, "self"), other]);
  };
}

const reversedSubtraction: Converter = (call, graph) =>
  graph.node("Sub", [operand(call, graph, "other"), operand(call, graph, "self")]);

const divide: Converter = (call, graph) => {
  const quotient = graph.node("Div", [operand(call, graph, "self"), operand(call, graph, "other")]);
  const rounding = call.raw("rounding_mode");
  if (rounding === "floor") return graph.node("Floor", [quotient]);
  if (rounding === "trunc") throw call.unsupported("rounding_mode 'trunc' has no converter");
  return quotient;
};

const power: Converter = (call, graph) =>
  graph.node("Pow", [operand(call, graph, "self"), operand(call, graph, "exponent")]);

const rsqrt: Converter = (call, graph) => graph.node("Reciprocal", [graph.node("Sqrt", [call.tensor("self").name])]);

const notEqual: Converter = (call, graph) => graph.node("Not", [binary("Equal")(call, graph) as string]);

const where: Converter = (call, graph) =>
  graph.node("Where", [call.tensor("condition").name, operand(call, graph, "self"), operand(call, graph, "other")]);

/** self + value * tensor1 * tensor2 */
const addcmul: Converter = (call, graph) => {
  let product = graph.node("Mul", [operand(call, graph, "tensor1"), operand(call, graph, "tensor2")]);
  const value = call.number("value", 1);
  if (value !== 1) product = graph.node("Mul", [product, graph.scalar(value, call.result.dtype)]);
  return graph.node("Add", [operand(call, graph, "self"), product]);
};

const convert: Converter = (call, graph) => graph.cast(call.tensor("self"), call.result.dtype);

const fill: Converter = (call, graph) => {
  const value = graph.constant([call.number("fill_value", call.op.includes("ones") ? 1 : 0)], call.result.dtype, [1]);
  return graph.node("Expand", [value, graph.shape(call.result.shape)]);
};

function unary(opType: string): Converter {
  return (call, graph) => graph.node(opType, [call.tensor("self").name]);
}

export const arithmeticOps: ConverterTable = {
  add: scaledBinary("Add"),
  sub: scaledBinary("Sub"),
  rsub: reversedSubtraction,
  mul: binary("Mul"),
  div: divide,
  true_divide: divide,
  pow: power,
  maximum: binary("Max"),
  minimum: binary("Min"),
  eq: binary("Equal"),
  ne: notEqual,
  gt: binary("Greater"),
  ge: binary("GreaterOrEqual"),
  lt: binary("Less"),
  le: binary("LessOrEqual"),
  logical_and: binary("And"),
  logical_or: binary("Or"),
  where,
  addcmul,
  rsqrt,
  neg: unary("Neg"),
  abs: unary("Abs"),
  exp: unary("Exp"),
  log: unary("Log"),
  sqrt: unary("Sqrt"),
  erf: unary("Erf"),
  sin: unary("Sin"),
  cos: unary("Cos"),
  floor: unary("Floor"),
  ceil: unary("Ceil"),
  round: unary("Round"),
  sign: unary("Sign"),
  reciprocal: unary("Reciprocal"),
  logical_not: unary("Not"),
  _to_copy: convert,
  to: convert,
  type_as: convert,
  zeros: fill,
  ones: fill,
  full: fill,
  zeros_like: fill,
  ones_like: fill,
  full_like: fill,
  cumsum: (call, graph) => {
    const axis = graph.scalar(call.axis("dim", call.tensor("self").shape.length), "int64");
    return graph.node("CumSum", [graph.cast(call.tensor("self"), call.result.dtype), axis]);
  },
  isnan: (call, graph) => graph.node("IsNaN", [call.tensor("self").name]),
  bitwise_not: (call, graph) => {
    if (call.tensor("self").dtype !== "bool") throw call.unsupported("on whole numbers it needs a later opset");
    return graph.node("Not", [call.tensor("self").name], {});
  },
};
