import type { GraphBuilder, Value } from "../graph/builder.ts";
import { dimText, isDynamic } from "../graph/dims.ts";
import { type Converter, type ConverterTable, isValue, type OpCall, positiveAxis } from "./call.ts";

const select: Converter = (call, graph) => {
  const { name, shape } = call.tensor("self");
  const index = call.number("index");
  return graph.node("Gather", [name, graph.scalar(index, "int64")], { axis: call.axis("dim", shape.length) });
};

function sliced(graph: GraphBuilder, { name }: Value, axis: number, range: readonly [number, number, number]): string {
  const [start, end, step] = range;
  const inputs = [name, graph.ints([start]), graph.ints([end]), graph.ints([axis]), graph.ints([step])];
  return graph.node("Slice", inputs);
}

/** PyTorch's end of "as far as it goes"; ONNX takes any number beyond the size. */
const openEnd = Number.MAX_SAFE_INTEGER;

const slice: Converter = (call, graph) => {
  const { name, shape } = call.tensor("self");
  const axis = call.axis("dim", shape.length, 0);
  const step = call.number("step", 1);
  const [start, end] = [call.dim("start", 0), call.dim("end", openEnd)].map((dim) =>
    isDynamic(dim) ? graph.dim(dim) : graph.ints([Math.min(openEnd, dim)]),
  );
  return graph.node("Slice", [name, start, end, graph.ints([axis]), graph.ints([step])]);
};

const narrow: Converter = (call, graph) => {
  const self = call.tensor("self");
  const start = call.number("start");
  const axis = call.axis("dim", self.shape.length);
  const length = call.result.shape[axis] ?? 0;
  if (isDynamic(length)) {
    if (start === 0 && dimText(length) === dimText(self.shape[axis] ?? 0)) return self.name;
    throw call.unsupported("it cuts a dynamic axis");
  }
  const end = start < 0 && start + length === 0 ? openEnd : start + length;
  return sliced(graph, self, axis, [start, end, 1]);
};

const indexSelect: Converter = (call, graph) => {
  const { name, shape } = call.tensor("self");
  return graph.node("Gather", [name, call.tensor("index").name], { axis: call.axis("dim", shape.length) });
};

const embedding: Converter = (call, graph) => {
  call.ignore("padding_idx"); // it only stops a gradient
  return graph.node("Gather", [call.tensor("weight").name, call.tensor("indices").name], { axis: 0 });
};

const flip: Converter = (call, graph) => {
  const self = call.tensor("self");
  let { name } = self;
  for (const axis of call.ints("dims")) {
    const from = positiveAxis(axis, self.shape.length);
    name = sliced(graph, { ...self, name }, from, [-1, -openEnd, -1]);
  }
  return name;
};

/** Each axis is cut in two, and the parts change places; without axes, that of the flattened tensor. */
const roll: Converter = (call, graph) => {
  const self = call.tensor("self");
  const shifts = call.ints("shifts");
  const dims = call.ints("dims", 0, []);
  const flat = dims.length === 0;
  let name = flat ? graph.node("Reshape", [self.name, graph.ints([-1])]) : self.name;
  for (const [i, shift] of shifts.entries()) {
    const axis = flat ? 0 : positiveAxis(dims[i] ?? 0, self.shape.length);
    const sizes = flat ? self.shape : [self.shape[axis] ?? 1];
    if (sizes.some(isDynamic)) throw call.unsupported("it rolls a dynamic axis");
    const size = (sizes as number[]).reduce((total, part) => total * part, 1);
    const turn = size === 0 ? 0 : ((shift % size) + size) % size;
    if (turn === 0) continue;
    const end = sliced(graph, { ...self, name }, axis, [size - turn, openEnd, 1]);
    name = graph.node("Concat", [end, sliced(graph, { ...self, name }, axis, [0, size - turn, 1])], { axis });
  }
  return flat ? graph.node("Reshape", [name, graph.reshapeTarget(self.shape)]) : name;
};

const gather: Converter = (call, graph) => {
  const { name, shape } = call.tensor("self");
  const axis = call.axis("dim", shape.length);
  return graph.node("GatherElements", [name, call.tensor("index").name], { axis });
};

function scatter(reduction: "none" | "add"): Converter {
  return (call, graph) => {
    const self = call.tensor("self");
    const index = call.tensor("index");
    const named = call.has("reduce") ? call.text("reduce", "") : "";
    const reduce = { "": reduction, add: "add", multiply: "mul" }[named];
    if (reduce === undefined) throw call.unsupported(`reduce '${named}' has no converter`);
    const source = call.optionalTensor("src") ?? call.optionalTensor("value");
    const updates =
      source === undefined || source.shape.length === 0
        ? graph.node("Expand", [
            source?.name ?? graph.scalar(call.number("value"), self.dtype),
            graph.shape(index.shape),
          ])
        : upTo(call, graph, source, index);
    const axis = call.axis("dim", self.shape.length);
    return graph.node("ScatterElements", [self.name, index.name, updates], { axis, reduction: reduce });
  };
}

/** The part of `source` that an index of a smaller shape uses. */
function upTo(call: OpCall, graph: GraphBuilder, source: Value, index: Value): string {
  let { name } = source;
  for (const [axis, size] of index.shape.entries()) {
    if (dimText(size) === dimText(source.shape[axis] ?? 0)) continue;
    if (isDynamic(size)) throw call.unsupported("its index covers a part of a dynamic axis");
    name = sliced(graph, { ...source, name }, axis, [0, size, 1]);
  }
  return name;
}

/** The tensors among the indices of `x[...]`, each with its axis; a mask stands for as many axes as it has. */
function indexTensors(call: OpCall): { value: Value; axis: number }[] {
  const indices = call.raw("indices");
  const found: { value: Value; axis: number }[] = [];
  let axis = 0;
  for (const value of Array.isArray(indices) ? indices : []) {
    if (isValue(value)) found.push({ value, axis });
    axis += isValue(value) && value.dtype === "bool" ? value.shape.length : 1;
  }
  return found;
}

/** `x[..., i]` is a Gather; several index tensors in the first axes are a GatherND. */
const index: Converter = (call, graph) => {
  const self = call.tensor("self");
  const used = indexTensors(call);
  const [only] = used;
  if (only === undefined || used.some(({ value }) => value.dtype === "bool")) {
    throw call.unsupported("a mask gives a result whose size depends on the values");
  }
  if (used.length === 1) return graph.node("Gather", [self.name, only.value.name], { axis: only.axis });
  return graph.node("GatherND", [self.name, positions(call, graph, self, used)]);
};

/** Index tensors of the first axes as rows [..., axes] of positions, counted from the front. */
function positions(
  call: OpCall,
  graph: GraphBuilder,
  self: Value,
  used: readonly { value: Value; axis: number }[],
): string {
  if (used.some(({ axis }, i) => axis !== i)) throw call.unsupported("index tensors behind a slice have no converter");
  const rank = Math.max(...used.map(({ value }) => value.shape.length));
  const widest = call.result.shape.slice(0, rank);
  const columns = used.map(({ value, axis }) => {
    const size = graph.scalar(call.fixedSize(self, axis), "int64");
    const wrapped = graph.node("Mod", [graph.cast(value, "int64"), size]);
    const spread = graph.node("Expand", [wrapped, graph.shape(widest)]);
    return graph.node("Unsqueeze", [spread, graph.ints([-1])]);
  });
  return graph.node("Concat", columns, { axis: -1 });
}

/** `x[mask] = number`, and `x[i] = values` along one axis. */
const indexPut: Converter = (call, graph) => {
  const self = call.tensor("self");
  const source = call.tensor("values");
  const [only, more] = indexTensors(call);
  if (only === undefined || more !== undefined || call.boolean("accumulate")) {
    throw call.unsupported("only one index tensor, without accumulation, has a converter");
  }
  const values = graph.cast(source, self.dtype);
  if (only.value.dtype === "bool") {
    if (source.shape.some((size) => size !== 1)) throw call.unsupported("a mask may set one number only");
    const after = self.shape.length - only.axis - only.value.shape.length;
    const mask = graph.node("Reshape", [
      only.value.name,
      graph.reshapeTarget([...only.value.shape, ...new Array<number>(after).fill(1)]),
    ]);
    return graph.node("Where", [mask, graph.node("Reshape", [values, graph.constant([], "int64", [0])]), self.name]);
  }
  if (only.value.shape.length !== 1) throw call.unsupported("an index of one dimension is expected");
  const target = self.shape.map((size, axis) => (axis === only.axis ? (only.value.shape[0] ?? 1) : size));
  const column = [-1, ...new Array<number>(self.shape.length - only.axis - 1).fill(1)];
  const index = graph.node("Reshape", [graph.cast(only.value, "int64"), graph.ints(column)]);
  const everywhere = graph.shape(target);
  return graph.node(
    "ScatterElements",
    [self.name, graph.node("Expand", [index, everywhere]), graph.node("Expand", [values, everywhere])],
    { axis: only.axis },
  );
};

const maskedFill: Converter = (call, graph) => {
  const self = call.tensor("self");
  const value = call.optionalTensor("value");
  const fill = value === undefined ? graph.scalar(call.number("value"), self.dtype) : graph.cast(value, self.dtype);
  return graph.node("Where", [graph.cast(call.tensor("mask"), "bool"), fill, self.name]);
};

/** Lower or upper triangle. ONNX Runtime has it for numbers only. */
function triangle(upper: 0 | 1): Converter {
  return (call, graph) => {
    const self = call.tensor("self");
    const isMask = self.dtype === "bool";
    const input = isMask ? graph.cast(self, "int64") : self.name;
    const part = graph.node("Trilu", [input, graph.scalar(call.number("diagonal", 0), "int64")], { upper });
    return isMask ? graph.cast({ ...self, name: part, dtype: "int64" }, "bool") : part;
  };
}

function topK(call: OpCall, graph: GraphBuilder, axis: number, k: string, largest: boolean): readonly string[] {
  return graph.nodeN("TopK", [call.tensor("self").name, k], 2, { axis, largest: Number(largest), sorted: 1 });
}

const sort: Converter = (call, graph) => {
  const { shape } = call.tensor("self");
  const axis = call.axis("dim", shape.length, -1);
  const sorted = topK(call, graph, axis, graph.dim(shape[axis] ?? 1), call.boolean("descending"));
  return call.op.endsWith("argsort") ? (sorted[1] as string) : sorted;
};

const topk: Converter = (call, graph) => {
  call.ignore("sorted");
  const axis = call.axis("dim", call.tensor("self").shape.length, -1);
  return topK(call, graph, axis, graph.dim(call.dim("k")), call.boolean("largest", true));
};

export const indexingOps: ConverterTable = {
  select,
  slice,
  narrow,
  index_select: indexSelect,
  index,
  index_put: indexPut,
  embedding,
  gather,
  scatter: scatter("none"),
  scatter_add: scatter("add"),
  masked_fill: maskedFill,
  tril: triangle(0),
  triu: triangle(1),
  flip,
  roll,
  sort,
  argsort: sort,
  topk,
};
