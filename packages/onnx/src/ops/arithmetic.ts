import type { DType } from "@classifier-training/torch";
import type { GraphBuilder, Value } from "../graph/builder.ts";
import { Varying } from "../graph/dims.ts";
import { type Converter, type ConverterTable, isValue, type OpCall } from "./call.ts";

/** A tensor argument, or a number as a scalar, in the dtype that the operation computes in. */
function operand(call: OpCall, graph: GraphBuilder, name: string, computed: DType = call.result.dtype): string {
  const raw = call.raw(name);
  if (isValue(raw)) return graph.cast(raw, computed);
  return scalar(call, graph, name, computed);
}

/** A number, which may follow a symbol: then it is computed from the sizes of the inputs. */
function scalar(call: OpCall, graph: GraphBuilder, name: string, dtype: DType): string {
  if (!(call.raw(name) instanceof Varying)) return graph.scalar(call.number(name), dtype);
  const size: Value = { name: graph.dim(call.dim(name)), shape: [1], dtype: "int64" };
  return graph.node("Squeeze", [graph.cast(size, dtype), graph.ints([0])]);
}

/** Comparisons compute in the dtype that both operands fit in: a tensor of several elements decides over a scalar. */
function comparisonType(call: OpCall): DType {
  const operands = ["self", "other"].map((name) => call.raw(name));
  const tensors = operands.filter(isValue).sort((a, b) => Number(b.shape.length > 0) - Number(a.shape.length > 0));
  const isFloat = ({ dtype }: Value) => dtype.includes("float");
  const fraction = operands.some((raw) => typeof raw === "number" && !Number.isInteger(raw));
  const decisive = tensors.find(isFloat) ?? tensors.find(({ dtype }) => dtype !== "bool") ?? tensors[0];
  if (decisive === undefined || (fraction && !isFloat(decisive))) return "float32";
  return decisive.dtype === "bool" ? "int32" : decisive.dtype;
}

/** Also where the result is written over its operand, whose dtype it then has. */
function comparison(opType: string): Converter {
  return (call, graph) => {
    const type = comparisonType(call);
    const name = graph.node(opType, [operand(call, graph, "self", type), operand(call, graph, "other", type)]);
    return graph.cast({ name, shape: call.result.shape, dtype: "bool" }, call.result.dtype);
  };
}

const notEqual: Converter = (call, graph) => {
  const type = comparisonType(call);
  const equal = graph.node("Equal", [operand(call, graph, "self", type), operand(call, graph, "other", type)]);
  const name = graph.node("Not", [equal]);
  return graph.cast({ name, shape: call.result.shape, dtype: "bool" }, call.result.dtype);
};

/** Operators over truth values: any dtype goes in, as zero and not zero. */
function logical(opType: "And" | "Or" | "Xor" | "Not"): Converter {
  return (call, graph) => {
    const names = opType === "Not" ? ["self"] : ["self", "other"];
    const name = graph.node(
      opType,
      names.map((key) => operand(call, graph, key, "bool")),
    );
    return graph.cast({ name, shape: call.result.shape, dtype: "bool" }, call.result.dtype);
  };
}

function bitwise(opType: "And" | "Or" | "Xor" | "Not"): Converter {
  return (call, graph) => {
    if (call.result.dtype !== "bool") throw call.unsupported("on integers it needs a later opset");
    return logical(opType)(call, graph);
  };
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

/** Quotient, rounded as asked: integers are divided as float64, so that a negative one is rounded down. */
const divide: Converter = (call, graph) => {
  const { dtype, shape } = call.result;
  const rounding = call.op.includes("floor_divide") ? "floor" : call.raw("rounding_mode");
  const type = rounding === undefined || dtype.includes("float") ? dtype : "float64";
  const name = graph.node("Div", [operand(call, graph, "self", type), operand(call, graph, "other", type)]);
  const quotient: Value = { name, shape, dtype: type };
  if (rounding === undefined) return name;
  const rounded = rounding === "floor" ? graph.node("Floor", [name]) : towardZero(graph, quotient);
  return graph.cast({ ...quotient, name: rounded }, dtype);
};

function towardZero(graph: GraphBuilder, { name }: Value): string {
  return graph.node("Mul", [graph.node("Sign", [name]), graph.node("Floor", [graph.node("Abs", [name])])]);
}

/** The remainder with the divisor's sign, as Python's `%`. */
const remainder: Converter = (call, graph) => {
  const [a, b] = [operand(call, graph, "self"), operand(call, graph, "other")];
  if (!call.result.dtype.includes("float")) return graph.node("Mod", [a, b]);
  const whole = graph.node("Floor", [graph.node("Div", [a, b])]);
  return graph.node("Sub", [a, graph.node("Mul", [whole, b])]);
};

/** The remainder with the dividend's sign, as C's `fmod`. */
const fmod: Converter = (call, graph) =>
  graph.node("Mod", [operand(call, graph, "self"), operand(call, graph, "other")], { fmod: 1 });

const power: Converter = (call, graph) =>
  graph.node("Pow", [operand(call, graph, "self"), operand(call, graph, "exponent")]);

const where: Converter = (call, graph) =>
  graph.node("Where", [
    graph.cast(call.tensor("condition"), "bool"),
    operand(call, graph, "self"),
    operand(call, graph, "other"),
  ]);

/** self + value * tensor1 * tensor2, or tensor1 / tensor2 */
function addProduct(opType: "Mul" | "Div"): Converter {
  return (call, graph) => {
    let product = graph.node(opType, [operand(call, graph, "tensor1"), operand(call, graph, "tensor2")]);
    const value = call.number("value", 1);
    if (value !== 1) product = graph.node("Mul", [product, graph.scalar(value, call.result.dtype)]);
    return graph.node("Add", [operand(call, graph, "self"), product]);
  };
}

/** self + weight * (end - self) */
const lerp: Converter = (call, graph) => {
  const [start, end] = [operand(call, graph, "self"), operand(call, graph, "end")];
  const step = graph.node("Mul", [operand(call, graph, "weight"), graph.node("Sub", [end, start])]);
  return graph.node("Add", [start, step]);
};

const convert: Converter = (call, graph) => {
  call.ignore("other");
  return graph.cast(call.tensor("self"), call.result.dtype);
};

/** `fill` is the number of operators that name none. */
function filled(fill?: number): Converter {
  return (call, graph) => {
    const { dtype, shape } = call.result;
    const name = ["fill_value", "value"].find((key) => call.has(key));
    const value = name === undefined ? graph.scalar(fill ?? 0, dtype) : operand(call, graph, name);
    return graph.node("Expand", [value, graph.shape(shape)]);
  };
}

const copy: Converter = (call, graph) =>
  graph.node("Expand", [graph.cast(call.tensor("src"), call.result.dtype), graph.shape(call.result.shape)]);

const arange: Converter = (call, graph) => {
  const { dtype } = call.result;
  const bound = (key: string, otherwise: number) =>
    call.has(key) ? scalar(call, graph, key, dtype) : graph.scalar(otherwise, dtype);
  return graph.node("Range", [bound("start", 0), bound("end", 0), bound("step", 1)]);
};

function unary(opType: string): Converter {
  return (call, graph) => graph.node(opType, [graph.cast(call.tensor("self"), call.result.dtype)]);
}

/** A function of a function: log2(x) = log(x) * (1 / log 2), expm1(x) = exp(x) - 1 and so on. */
function composed(write: (name: string, graph: GraphBuilder, dtype: DType) => string): Converter {
  return (call, graph) => write(graph.cast(call.tensor("self"), call.result.dtype), graph, call.result.dtype);
}

function times(opType: string, factor: number): Converter {
  return composed((x, graph, dtype) => graph.node("Mul", [graph.node(opType, [x]), graph.scalar(factor, dtype)]));
}

const nanToNum: Converter = (call, graph) => {
  const { name, dtype } = call.tensor("self");
  const largest = { float32: 3.4028234663852886e38, float64: Number.MAX_VALUE, float16: 65504 }[dtype as string];
  if (largest === undefined) return name;
  const choose = (test: string, key: string, otherwise: number, from: string) =>
    graph.node("Where", [test, graph.scalar(call.has(key) ? call.number(key) : otherwise, dtype), from]);
  const infinite = (detect: "detect_positive" | "detect_negative") => {
    const only = { detect_positive: 0, detect_negative: 0, [detect]: 1 };
    return graph.node("IsInf", [graph.cast({ name, shape: [], dtype }, "float32")], only);
  };
  const number = choose(graph.node("IsNaN", [name]), "nan", 0, name);
  const capped = choose(infinite("detect_positive"), "posinf", largest, number);
  return choose(infinite("detect_negative"), "neginf", -largest, capped);
};

const finite: Converter = (call, graph) => {
  const { name } = call.tensor("self");
  return graph.node("Not", [graph.node("Or", [graph.node("IsInf", [name]), graph.node("IsNaN", [name])])]);
};

export const arithmeticOps: ConverterTable = {
  add: scaledBinary("Add"),
  sub: scaledBinary("Sub"),
  rsub: reversedSubtraction,
  mul: binary("Mul"),
  multiply: binary("Mul"),
  div: divide,
  divide,
  true_divide: divide,
  floor_divide: divide,
  remainder,
  fmod,
  pow: power,
  maximum: binary("Max"),
  minimum: binary("Min"),
  fmax: binary("Max"),
  fmin: binary("Min"),
  eq: comparison("Equal"),
  ne: notEqual,
  gt: comparison("Greater"),
  ge: comparison("GreaterOrEqual"),
  lt: comparison("Less"),
  le: comparison("LessOrEqual"),
  logical_and: logical("And"),
  logical_or: logical("Or"),
  logical_xor: logical("Xor"),
  logical_not: logical("Not"),
  bitwise_and: bitwise("And"),
  bitwise_or: bitwise("Or"),
  bitwise_xor: bitwise("Xor"),
  bitwise_not: bitwise("Not"),
  where,
  addcmul: addProduct("Mul"),
  addcdiv: addProduct("Div"),
  lerp,
  rsqrt: composed((x, graph) => graph.node("Reciprocal", [graph.node("Sqrt", [x])])),
  neg: unary("Neg"),
  abs: unary("Abs"),
  square: composed((x, graph) => graph.node("Mul", [x, x])),
  exp: unary("Exp"),
  exp2: composed((x, graph, dtype) => graph.node("Pow", [graph.scalar(2, dtype), x])),
  expm1: composed((x, graph, dtype) => graph.node("Sub", [graph.node("Exp", [x]), graph.scalar(1, dtype)])),
  log: unary("Log"),
  log2: times("Log", Math.LOG2E),
  log10: times("Log", Math.LOG10E),
  log1p: composed((x, graph, dtype) => graph.node("Log", [graph.node("Add", [x, graph.scalar(1, dtype)])])),
  sqrt: unary("Sqrt"),
  erf: unary("Erf"),
  sin: unary("Sin"),
  cos: unary("Cos"),
  tan: unary("Tan"),
  asin: unary("Asin"),
  acos: unary("Acos"),
  atan: unary("Atan"),
  sinh: unary("Sinh"),
  cosh: unary("Cosh"),
  asinh: unary("Asinh"),
  acosh: unary("Acosh"),
  atanh: unary("Atanh"),
  floor: unary("Floor"),
  ceil: unary("Ceil"),
  round: unary("Round"),
  trunc: (call, graph) => towardZero(graph, call.tensor("self")),
  frac: (call, graph) => {
    const self = call.tensor("self");
    return graph.node("Sub", [self.name, towardZero(graph, self)]);
  },
  sign: unary("Sign"),
  sgn: unary("Sign"),
  reciprocal: unary("Reciprocal"),
  isnan: (call, graph) => graph.node("IsNaN", [call.tensor("self").name]),
  isinf: (call, graph) => graph.node("IsInf", [call.tensor("self").name]),
  isfinite: finite,
  nan_to_num: nanToNum,
  _to_copy: convert,
  to: convert,
  type_as: convert,
  empty: filled(0),
  empty_like: filled(0),
  zeros: filled(0),
  zeros_like: filled(0),
  new_zeros: filled(0),
  ones: filled(1),
  ones_like: filled(1),
  new_ones: filled(1),
  full: filled(),
  full_like: filled(),
  new_full: filled(),
  scalar_tensor: (call, graph) => scalar(call, graph, "s", call.result.dtype),
  zero: filled(0),
  fill: filled(),
  copy,
  arange,
  cumsum: (call, graph) => {
    const axis = graph.scalar(call.axis("dim", call.tensor("self").shape.length), "int64");
    return graph.node("CumSum", [graph.cast(call.tensor("self"), call.result.dtype), axis]);
  },
};
