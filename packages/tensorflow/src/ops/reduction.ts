import { type GraphBuilder, toNchw, type Value } from "../graph/builder.ts";
import { axisOf, type Dim, isBatch, productOf } from "../graph/dims.ts";

export type Reduction = "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd";

/** One number of all along the axes (all axes, if none are given). */
export function reduce(b: GraphBuilder, op: Reduction, x: Value, given: readonly number[], keepDims: boolean): Value {
  const known = x.known;
  if (op === "ReduceProd" && known !== undefined) return b.knownIntegers([productOf(known)], keepDims ? 1 : 0);
  const rank = x.shape.length;
  const axes = [...new Set(given.map((axis) => axisOf(axis, rank)))].sort((a, c) => a - c);
  if (axes.some((axis) => axis < 0 || axis >= rank)) throw b.error(`axes [${given.join(", ")}] of ${rank}`);
  if (axes.some((axis) => isBatch(x.shape[axis]))) throw b.error("computes over the images of a batch");
  const kept = x.shape.map((dim, axis): Dim => (axes.includes(axis) ? 1 : dim));
  const shape = keepDims ? kept : x.shape.filter((_, axis) => !axes.includes(axis));
  const spatial = axes.length === 2 && axes[0] === 1 && axes[1] === 2;
  if (op === "ReduceMean" && x.channelsFirst && spatial) {
    const pooled = b.node("GlobalAveragePool", [x], {}, { shape: kept, channelsFirst: true });
    return keepDims ? pooled : b.reshape(pooled, shape);
  }
  // Without one of height and width, what is left has no layout of its own.
  const source = x.channelsFirst && (keepDims || spatial || axes.includes(3)) ? x : b.plain(x);
  const at = source.channelsFirst ? axes.map((axis) => toNchw.indexOf(axis as 0)).sort((a, c) => a - c) : axes;
  const result = { shape, channelsFirst: source.channelsFirst && keepDims };
  const keepdims = keepDims ? 1 : 0;
  if (op === "ReduceSum") return b.node(op, [source, b.int64s("axes", at)], { keepdims }, result);
  return b.node(op, [source], { axes: at, keepdims }, result);
}

/** The index of the largest or smallest element along an axis. */
export function argExtreme(b: GraphBuilder, op: "ArgMax" | "ArgMin", x: Value, axis: number): Value {
  const source = b.plain(x);
  const at = axisOf(axis, source.shape.length);
  const shape = source.shape.filter((_, i) => i !== at);
  return b.node(op, [source], { axis: at, keepdims: 0 }, { shape, dtype: "int64" });
}
