import { isDynamic } from "../graph/dims.ts";
import { type Converter, type ConverterTable, positiveAxis } from "./call.ts";
import { permutation } from "./views.ts";

/**
 * The argument of a view tells where each size comes from no better than the result does: the shapes that two traces
 * agree on are static, the others follow the batch. So all of them become one Reshape to the result's shape.
 */
const reshape: Converter = (call, graph) => {
  call.ignore("start_dim", "end_dim");
  return graph.node("Reshape", [call.tensor("self").name, graph.reshapeTarget(call.result.shape)]);
};

const permute: Converter = (call, graph) => {
  const { name, shape } = call.tensor("self");
  return shape.length < 2 ? name : graph.node("Transpose", [name], { perm: permutation(call) });
};

const moveAxes: Converter = (call, graph) => {
  const { name, shape } = call.tensor("self");
  const rank = shape.length;
  const [from, to] = ["source", "destination"].map((key) => call.ints(key).map((axis) => positiveAxis(axis, rank)));
  const perm = shape.map((_, axis) => to?.indexOf(axis) ?? -1).map((k) => (k < 0 ? -1 : (from?.[k] ?? -1)));
  const rest = shape.map((_, axis) => axis).filter((axis) => !from?.includes(axis));
  return graph.node("Transpose", [name], { perm: perm.map((axis) => (axis < 0 ? (rest.shift() ?? 0) : axis)) });
};

const expand: Converter = (call, graph) => {
  call.ignore("implicit");
  return graph.node("Expand", [call.tensor("self").name, graph.shape(call.result.shape)]);
};

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
  call.ignore("split_size", "split_sizes", "chunks", "sections", "indices");
  const sizes = call.results.map(({ shape }) => shape[axis] ?? 0);
  if (sizes.some(isDynamic)) throw call.unsupported("it splits a dynamic axis");
  return graph.nodeN("Split", [name, graph.ints(sizes as number[])], sizes.length, { axis });
};

const unbind: Converter = (call, graph) => {
  const { name, shape } = call.tensor("self");
  const axis = call.axis("dim", shape.length, 0);
  return call.results.map((_, i) => graph.node("Gather", [name, graph.scalar(i, "int64")], { axis }));
};

const repeat: Converter = (call, graph) => {
  const { name, shape } = call.tensor("self");
  const given = call.op.endsWith("tile") ? call.dims("dims") : call.dims("repeats");
  const repeats = [...new Array<number>(Math.max(0, shape.length - given.length)).fill(1), ...given];
  const missing = new Array<number>(repeats.length - shape.length).fill(1);
  const input =
    missing.length === 0 ? name : graph.node("Reshape", [name, graph.reshapeTarget([...missing, ...shape])]);
  return graph.node("Tile", [input, graph.shape(repeats)]);
};

/** The same values, as far as the graph is concerned. */
const identity: Converter = (call) => call.operand.name;

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
  transpose: permute,
  swapaxes: permute,
  t: permute,
  numpy_T: permute,
  movedim: moveAxes,
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
  repeat,
  tile: repeat,
  contiguous: identity,
  clone: identity,
  detach: identity,
  alias: identity,
  lift_fresh: identity,
};
