import type { GraphBuilder, Value } from "../graph/builder.ts";
import { isDynamic } from "../graph/dims.ts";
import { type Converter, type ConverterTable, isValue, type OpCall, positiveAxis } from "./call.ts";

/**
 * The argument of a view tells where each size comes from no better than the result does: the shapes that two traces
 * agree on are static, the others follow the batch. So all of them become one Reshape to the result's shape.
 */
const reshape: Converter = (call, graph) =>
  graph.node("Reshape", [call.tensor("self").name, graph.reshapeTarget(call.result.shape)]);

const permute: Converter = (call, graph) => {
  const { name, shape } = call.tensor("self");
  const perm = call.ints("dims").map((axis) => positiveAxis(axis, shape.length));
  return graph.node("Transpose", [name], { perm });
};

const transpose: Converter = (call, graph) => {
  const { name, shape } = call.tensor("self");
  const rank = shape.length;
  const perm = shape.map((_, i) => i);
  const isMatrix = !call.has("dim0");
  const first = isMatrix ? rank - 2 : call.axis("dim0", rank);
  const second = isMatrix ? rank - 1 : call.axis("dim1", rank);
  perm[first] = second;
  perm[second] = first;
  return rank < 2 ? name : graph.node("Transpose", [name], { perm });
};

const expand: Converter = (call, graph) =>
  graph.node("Expand", [call.tensor("self").name, graph.shape(call.result.shape)]);

const concatenate: Converter = (call, graph) => {
  // old PyTorch lets an empty vector stand beside anything
  const parts = call.tensors("tensors").filter(({ shape }) => !(shape.length === 1 && shape[0] === 0));
  const rank = parts[0]?.shape.length ?? 1;
  const names = parts.map((part) => graph.cast(part, call.result.dtype));
  return graph.node("Concat", names, { axis: call.axis("dim", rank, 0) });
};

const stack: Converter = (call, graph) => {
  const axis = call.axis("dim", call.result.shape.length, 0);
  const parts = call.tensors("tensors").map(({ name }) => graph.node("Unsqueeze", [name, graph.ints([axis])]));
  return graph.node("Concat", parts, { axis });
};

/** Sizes of the parts come from the results, which the traces have seen. */
const split: Converter = (call, graph) => {
  const { name, shape } = call.tensor("self");
  const axis = call.axis("dim", shape.length, 0);
  const sizes = call.results.map(({ shape }) => shape[axis] ?? 0);
  if (sizes.some(isDynamic)) throw call.unsupported("it splits a dynamic axis");
  return graph.nodeN("Split", [name, graph.ints(sizes as number[])], sizes.length, { axis });
};

const unbind: Converter = (call, graph) => {
  const { name, shape } = call.tensor("self");
  const axis = call.axis("dim", shape.length, 0);
  return call.results.map((_, i) => graph.node("Gather", [name, graph.scalar(i, "int64")], { axis }));
};

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
  const self = call.tensor("self");
  const end = Math.min(openEnd, call.number("end", openEnd));
  const axis = call.axis("dim", self.shape.length, 0);
  return sliced(graph, self, axis, [call.number("start", 0), end, call.number("step", 1)]);
};

const narrow: Converter = (call, graph) => {
  const self = call.tensor("self");
  const start = call.number("start");
  const axis = call.axis("dim", self.shape.length);
  const length = call.result.shape[axis] ?? 0;
  if (isDynamic(length)) {
    if (start === 0) return self.name;
    throw call.unsupported("it cuts a dynamic axis");
  }
  const end = start < 0 && start + length === 0 ? openEnd : start + length;
  return sliced(graph, self, axis, [start, end, 1]);
};

const indexSelect: Converter = (call, graph) => {
  const { name, shape } = call.tensor("self");
  return graph.node("Gather", [name, call.tensor("index").name], { axis: call.axis("dim", shape.length) });
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

/** Constant padding; PyTorch lists the last axis first. */
const pad: Converter = (call, graph) => {
  const { name, shape, dtype } = call.tensor("self");
  const mode = call.text("mode", "constant");
  const onnxMode = { constant: "constant", reflect: "reflect", replicate: "edge" }[mode];
  if (onnxMode === undefined) throw call.unsupported(`padding mode '${mode}' has no converter`);
  const amounts = call.ints("pad");
  const starts = new Array<number>(shape.length).fill(0);
  const ends = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < amounts.length / 2; i++) {
    starts[shape.length - 1 - i] = amounts[2 * i] ?? 0;
    ends[shape.length - 1 - i] = amounts[2 * i + 1] ?? 0;
  }
  const value = graph.scalar(call.has("value") ? call.number("value") : 0, dtype);
  return graph.node("Pad", [name, graph.ints([...starts, ...ends]), value], { mode: onnxMode });
};

const repeat: Converter = (call, graph) => {
  const { name, shape } = call.tensor("self");
  const repeats = call.ints("repeats");
  const missing = new Array<number>(repeats.length - shape.length).fill(1);
  const input =
    missing.length === 0 ? name : graph.node("Reshape", [name, graph.reshapeTarget([...missing, ...shape])]);
  return graph.node("Tile", [input, graph.ints(repeats)]);
};

/** `x[..., i]` with tensors as indices: one index tensor is a Gather. */
const index: Converter = (call, graph) => {
  const indices = call.raw("indices");
  const list = Array.isArray(indices) ? indices : [];
  const used = list.flatMap((value, axis) => (isValue(value) ? [{ value, axis }] : []));
  const [only] = used;
  if (used.length !== 1 || only === undefined || only.value.dtype === "bool") {
    throw call.unsupported("only one index tensor of whole numbers has a converter");
  }
  return graph.node("Gather", [call.tensor("self").name, only.value.name], { axis: only.axis });
};

function interpolate(mode: "nearest" | "linear" | "cubic"): Converter {
  return (call, graph) => {
    const self = firstTensor(call);
    const align = call.boolean("align_corners");
    const coordinates = mode === "nearest" ? "asymmetric" : align ? "align_corners" : "half_pixel";
    return graph.node("Resize", [self.name, undefined, undefined, graph.shape(call.result.shape)], {
      mode,
      coordinate_transformation_mode: coordinates,
      ...(mode === "nearest" ? { nearest_mode: "floor" } : {}),
      ...(mode === "cubic" ? { cubic_coeff_a: { float: -0.75 } } : {}),
    });
  };
}

/** The same values, as far as the graph is concerned. */
const identity: Converter = (call) => firstTensor(call).name;

function firstTensor(call: OpCall): Value {
  return call.optionalTensor("self") ?? call.tensor("input");
}

export const shapeOps: ConverterTable = {
  reshape,
  view: reshape,
  _unsafe_view: reshape,
  _reshape_alias: reshape,
  view_as: reshape,
  reshape_as: reshape,
  flatten: reshape,
  unflatten: reshape,
  squeeze: reshape,
  unsqueeze: reshape,
  permute,
  transpose,
  swapaxes: transpose,
  t: transpose,
  numpy_T: transpose,
  expand,
  expand_as: expand,
  broadcast_to: expand,
  cat: concatenate,
  concat: concatenate,
  stack,
  split,
  split_with_sizes: split,
  chunk: split,
  tensor_split: split,
  unbind,
  select,
  slice,
  narrow,
  index_select: indexSelect,
  index,
  flip,
  pad,
  constant_pad_nd: pad,
  repeat,
  upsample_nearest2d: interpolate("nearest"),
  upsample_bilinear2d: interpolate("linear"),
  upsample_bicubic2d: interpolate("cubic"),
  contiguous: identity,
  clone: identity,
  detach: identity,
  alias: identity,
  lift_fresh: identity,
};
