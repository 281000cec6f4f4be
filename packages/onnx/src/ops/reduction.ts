import { type Converter, type ConverterTable, type OpCall, positiveAxis } from "./call.ts";

/** The axes that a reduction runs over: all of them when none is given. */
function axesOf(call: OpCall): number[] {
  const rank = call.tensor("self").shape.length;
  const raw = call.raw("dim");
  const given = typeof raw === "number" ? [raw] : Array.isArray(raw) ? raw.map(Number) : [];
  return given.length === 0 ? Array.from({ length: rank }, (_, i) => i) : given.map((axis) => positiveAxis(axis, rank));
}

/** Most reductions of opset 17 take their axes as an attribute. */
function reduction(opType: string): Converter {
  return (call, graph) => {
    const input = graph.cast(call.tensor("self"), call.result.dtype);
    return graph.node(opType, [input], { axes: axesOf(call), keepdims: Number(call.boolean("keepdim")) });
  };
}

/** ReduceSum alone takes them as an input already. */
const sum: Converter = (call, graph) => {
  const input = graph.cast(call.tensor("self"), call.result.dtype);
  return graph.node("ReduceSum", [input, graph.ints(axesOf(call))], { keepdims: Number(call.boolean("keepdim")) });
};

/** With a dimension, `max` gives the values and their indices; without one, the largest of all. */
function extremum(reduce: "ReduceMax" | "ReduceMin", arg: "ArgMax" | "ArgMin"): Converter {
  return (call, graph) => {
    if (call.has("other")) {
      const operands = [call.tensor("self"), call.tensor("other")].map((value) => graph.cast(value, call.result.dtype));
      return graph.node(reduce === "ReduceMax" ? "Max" : "Min", operands);
    }
    const values = reduction(reduce)(call, graph) as string;
    if (call.results.length === 1) return values;
    const [axis = 0] = axesOf(call);
    return [values, graph.node(arg, [call.tensor("self").name], { axis, keepdims: Number(call.boolean("keepdim")) })];
  };
}

function argument(opType: "ArgMax" | "ArgMin"): Converter {
  return (call, graph) => {
    if (!call.has("dim")) {
      const flat = graph.node("Reshape", [call.tensor("self").name, graph.ints([-1])]);
      return graph.node(opType, [flat], { axis: 0, keepdims: 0 });
    }
    const [axis = 0] = axesOf(call);
    return graph.node(opType, [call.tensor("self").name], { axis, keepdims: Number(call.boolean("keepdim")) });
  };
}

/** Variance: the mean of squared differences, times n / (n - correction); with `mean`, that comes second. */
function variance(root: boolean): Converter {
  return (call, graph) => {
    const self = call.tensor("self");
    const { name, dtype } = self;
    const axes = axesOf(call);
    const keepdims = Number(call.boolean("keepdim"));
    const correction = call.has("correction") ? call.number("correction") : Number(call.boolean("unbiased", true));
    const difference = graph.node("Sub", [name, graph.node("ReduceMean", [name], { axes, keepdims: 1 })]);
    const squared = graph.node("Mul", [difference, difference]);
    let spread = graph.node("ReduceMean", [squared], { axes, keepdims });
    if (correction !== 0) {
      const n = axes.reduce((total, axis) => total * call.fixedSize(self, axis), 1);
      spread = graph.node("Mul", [spread, graph.scalar(n / Math.max(0, n - correction), dtype)]);
    }
    if (root) spread = graph.node("Sqrt", [spread]);
    return call.results.length === 1 ? spread : [spread, graph.node("ReduceMean", [name], { axes, keepdims })];
  };
}

const norm: Converter = (call, graph) => {
  const self = call.tensor("self");
  const order = call.has("p") ? call.number("p") : call.has("ord") ? call.number("ord") : 2;
  const how = { axes: axesOf(call), keepdims: Number(call.boolean("keepdim")) };
  const input = graph.cast(self, call.result.dtype);
  if (order === 1 || order === 2) return graph.node(order === 1 ? "ReduceL1" : "ReduceL2", [input], how);
  const sizes = graph.node("Abs", [input]);
  if (order === Number.POSITIVE_INFINITY) return graph.node("ReduceMax", [sizes], how);
  if (order === Number.NEGATIVE_INFINITY) return graph.node("ReduceMin", [sizes], how);
  if (order === 0) throw call.unsupported("the norm of order 0 has no converter");
  const powers = graph.node("Pow", [sizes, graph.scalar(order, self.dtype)]);
  const { axes, keepdims } = how;
  const total = graph.node("ReduceSum", [powers, graph.ints(axes)], { keepdims });
  return graph.node("Pow", [total, graph.scalar(1 / order, self.dtype)]);
};

/** Whether any, or every, element is not zero. */
function truth(reduce: "ReduceMax" | "ReduceMin"): Converter {
  return (call, graph) => {
    const self = call.tensor("self");
    const flags = graph.cast({ ...self, name: graph.cast(self, "bool"), dtype: "bool" }, "int32");
    const axes = axesOf(call);
    const name = graph.node(reduce, [flags], { axes, keepdims: Number(call.boolean("keepdim")) });
    return graph.cast({ name, shape: call.result.shape, dtype: "int32" }, call.result.dtype);
  };
}

export const reductionOps: ConverterTable = {
  mean: reduction("ReduceMean"),
  sum,
  prod: reduction("ReduceProd"),
  amax: reduction("ReduceMax"),
  amin: reduction("ReduceMin"),
  logsumexp: reduction("ReduceLogSumExp"),
  max: extremum("ReduceMax", "ArgMax"),
  min: extremum("ReduceMin", "ArgMin"),
  argmax: argument("ArgMax"),
  argmin: argument("ArgMin"),
  any: truth("ReduceMax"),
  all: truth("ReduceMin"),
  var: variance(false),
  std: variance(true),
  var_mean: variance(false),
  std_mean: variance(true),
  norm,
  linalg_vector_norm: norm,
};
