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
      return graph.node(reduce === "ReduceMax" ? "Max" : "Min", [call.tensor("self").name, call.tensor("other").name]);
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

const topk: Converter = (call, graph) =>
  graph.nodeN("TopK", [call.tensor("self").name, graph.ints([call.number("k")])], 2, {
    axis: call.axis("dim", call.tensor("self").shape.length, -1),
    largest: Number(call.boolean("largest", true)),
    sorted: Number(call.boolean("sorted", true)),
  });

/** Variance: the mean of squared differences, times n / (n - correction). */
const variance: Converter = (call, graph) => {
  const { name, shape, dtype } = call.tensor("self");
  const axes = axesOf(call);
  const correction = call.has("unbiased")
    ? Number(call.boolean("unbiased"))
    : call.has("correction")
      ? call.number("correction")
      : 1;
  const sizes = axes.map((axis) => shape[axis]);
  if (correction !== 0 && sizes.some((size) => typeof size !== "number")) {
    throw call.unsupported("the corrected variance over a dynamic axis has no converter");
  }
  const difference = graph.node("Sub", [name, graph.node("ReduceMean", [name], { axes, keepdims: 1 })]);
  const squared = graph.node("Mul", [difference, difference]);
  const mean = graph.node("ReduceMean", [squared], { axes, keepdims: Number(call.boolean("keepdim")) });
  if (correction === 0) return mean;
  const n = sizes.reduce<number>((total, size) => total * Number(size), 1);
  return graph.node("Mul", [mean, graph.scalar(n / (n - correction), dtype)]);
};

const norm: Converter = (call, graph) => {
  const order = call.has("p") ? call.number("p") : call.has("ord") ? call.number("ord") : 2;
  if (order !== 1 && order !== 2) throw call.unsupported(`the norm of order ${order} has no converter`);
  return reduction(order === 1 ? "ReduceL1" : "ReduceL2")(call, graph);
};

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
  topk,
  var: variance,
  norm,
  linalg_vector_norm: norm,
};
