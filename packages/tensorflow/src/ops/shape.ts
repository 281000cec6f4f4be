import { type GraphBuilder, toNchw, type Value } from "../graph/builder.ts";
import { axisOf, type Dim, isBatch, productOf, type Shape, sameDim, shapeText } from "../graph/dims.ts";
import { alignLayouts } from "./elementwise.ts";

/**
 * @param target The new shape as the file has it: -1 is what is left, and the batch size is the one that the file was
 *   made for, until the network's own shapes say where it goes.
 */
export function reshapeTo(b: GraphBuilder, x: Value, target: readonly Dim[]): Value {
  if (x.known !== undefined) return b.knownIntegers(x.known, target.length === 0 ? 0 : 1);
  const shape = resolveShape(b, x.shape, target);
  if (shape.length === x.shape.length && shape.every((dim, axis) => sameDim(dim, x.shape[axis]))) return x;
  return b.reshape(x, shape, shape.length === 4 && shape[1] === 1 && shape[2] === 1 && typeof shape[3] === "number");
}

function resolveShape(b: GraphBuilder, from: Shape, target: readonly Dim[]): Shape {
  const total = productOf(from);
  const mismatch = () => b.error(`cannot reshape ${shapeText(from)} to ${shapeText(target)}`);
  const rest = productOf(target.filter((dim) => dim !== -1));
  const inferred = (whole: number, part: number) => {
    if (!Number.isInteger(whole / part)) throw mismatch();
    return whole / part;
  };
  if (total === "unknown" || rest === "unknown") return target.map((dim) => (dim === -1 ? "unknown" : dim));
  if (typeof total === "number" || isBatch(rest)) {
    const [whole, part] = [isBatch(total) ? total.batch : total, isBatch(rest) ? rest.batch : rest];
    if (!target.includes(-1) && whole !== part) throw mismatch();
    return target.map((dim) => (dim === -1 ? inferred(whole, part) : dim));
  }
  // Numbers only, made for the file's batch size: it belongs to the axis that begins where the batch began.
  const whole = total.batch * b.fileBatch;
  const numbers = target.map((dim) => (dim === -1 ? inferred(whole, rest) : (dim as number)));
  if (productOf(numbers) !== whole) throw mismatch();
  const before = productOf(from.slice(0, from.findIndex(isBatch)));
  const axis = numbers.findIndex((_, i) => productOf(numbers.slice(0, i)) === before);
  if (axis === -1) throw mismatch();
  return numbers.map((size, i) => (i === axis ? { batch: inferred(size, b.fileBatch) } : size));
}

export function squeeze(b: GraphBuilder, x: Value, axes: readonly number[]): Value {
  const rank = x.shape.length;
  const chosen = axes.map((axis) => axisOf(axis, rank));
  const drop = (axis: number) => (axes.length === 0 ? x.shape[axis] === 1 : chosen.includes(axis));
  return reshapeTo(
    b,
    x,
    x.shape.filter((_, axis) => !drop(axis)),
  );
}

export function expandDims(b: GraphBuilder, x: Value, axis: number): Value {
  if (x.known !== undefined) return b.knownIntegers(x.known);
  const shape = [...x.shape];
  shape.splice(axisOf(axis, shape.length + 1), 0, 1);
  return b.reshape(x, shape);
}

export function transpose(b: GraphBuilder, x: Value, order: readonly number[]): Value {
  const is = (...other: readonly number[]) => order.length === 4 && order.every((axis, i) => axis === other[i]);
  const shape = order.map((axis) => x.shape[axis] as Dim);
  if (order.every((axis, i) => axis === i)) return x;
  if (x.data === undefined && x.channelsFirst && is(...toNchw)) return b.relabel(x, shape, false);
  if (x.data === undefined && !x.channelsFirst && is(0, 2, 3, 1)) return b.relabel(x, shape, true);
  return b.permute(x, order);
}

export function concat(b: GraphBuilder, values: readonly Value[], given: number): Value {
  const [first] = values;
  if (first === undefined) throw b.error("nothing to concatenate");
  if (values.some(({ known }) => known !== undefined)) {
    const parts = values.map((value) => b.integers(value));
    if (parts.every((part) => part !== undefined)) return b.knownIntegers(parts.flat());
  }
  const rank = first.shape.length;
  const axis = axisOf(given, rank);
  if (values.some(({ shape }) => shape.length !== rank) || axis < 0 || axis >= rank) {
    throw b.error(`cannot concatenate ${values.map(({ shape }) => shapeText(shape)).join(", ")} along axis ${given}`);
  }
  const parts = rank === 4 ? alignLayouts(b, values) : values.map((value) => b.plain(value));
  const channelsFirst = parts.some((part) => part.channelsFirst);
  const shape = first.shape.map((dim, i) => (i === axis ? sumOf(values.map((value) => value.shape[i] as Dim)) : dim));
  return b.node("Concat", parts, { axis: channelsFirst ? toNchw.indexOf(axis as 0) : axis }, { shape, channelsFirst });
}

function sumOf(dims: readonly Dim[]): Dim {
  if (dims.every((dim) => typeof dim === "number")) return dims.reduce((sum, dim) => sum + dim, 0);
  if (dims.every(isBatch)) return { batch: dims.reduce((sum, dim) => sum + dim.batch, 0) };
  return "unknown";
}

/** Values side by side along a new axis. */
export function stack(b: GraphBuilder, values: readonly Value[], axis: number): Value {
  const known = values.map((value) => b.integers(value));
  if (values[0]?.shape.length === 0 && known.every((one) => one !== undefined)) return b.knownIntegers(known.flat());
  return concat(
    b,
    values.map((value) => expandDims(b, value, axis)),
    axis,
  );
}

/** Equal parts along an axis, or parts of the given sizes. */
export function split(b: GraphBuilder, x: Value, given: number, sizes: number | readonly number[]): Value[] {
  const axis = axisOf(given, x.shape.length);
  const size = x.shape[axis];
  if (typeof size !== "number") throw b.error(`cannot split axis ${given} of ${shapeText(x.shape)}`);
  const parts = typeof sizes === "number" ? new Array<number>(sizes).fill(size / sizes) : sizes;
  if (!parts.every(Number.isInteger) || parts.reduce((sum, part) => sum + part, 0) !== size) {
    throw b.error(`cannot split ${size} elements into parts of [${parts.join(", ")}]`);
  }
  const at = x.channelsFirst ? toNchw.indexOf(axis as 0) : axis;
  const results = parts.map((part) => ({
    shape: x.shape.map((dim, i) => (i === axis ? part : dim)),
    channelsFirst: x.channelsFirst,
    dtype: x.dtype,
  }));
  return b.nodes("Split", [x, b.int64s("split", parts)], { axis: at }, results);
}

/** The slices along an axis, without it. */
export function unstack(b: GraphBuilder, x: Value, given: number): Value[] {
  const axis = axisOf(given, x.shape.length);
  const size = x.shape[axis];
  if (typeof size !== "number") throw b.error(`cannot unstack axis ${given} of ${shapeText(x.shape)}`);
  return split(b, x, axis, size).map((part) => squeeze(b, part, [axis]));
}

/** Elements `indices` (a constant, or computed) of an axis; the indices' shape takes the axis' place. */
export function gather(b: GraphBuilder, x: Value, indices: Value, given: number): Value {
  const known = b.integers(indices);
  if (x.known !== undefined && known?.every((one) => typeof one === "number")) {
    return b.knownIntegers(
      known.map((i) => x.known?.[i as number] ?? "unknown"),
      indices.shape.length === 0 ? 0 : 1,
    );
  }
  const axis = axisOf(given, x.shape.length);
  if (isBatch(x.shape[axis])) throw b.error("selects images of a batch");
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  return b.node("Gather", [b.plain(x), indices], { axis }, { shape });
}

/** @param paddings Before and after each axis. */
export function pad(
  b: GraphBuilder,
  x: Value,
  paddings: readonly (readonly [number, number])[],
  mode: "constant" | "reflect" | "edge" = "constant",
  value = 0,
): Value {
  if (paddings.length !== x.shape.length) throw b.error(`${paddings.length} paddings for ${shapeText(x.shape)}`);
  if (paddings.flat().every((size) => size === 0)) return x;
  const shape = x.shape.map((dim, axis): Dim => {
    const [before, after] = paddings[axis] as readonly [number, number];
    if (before + after === 0) return dim;
    return typeof dim === "number" ? dim + before + after : "unknown";
  });
  const order = x.channelsFirst ? toNchw : paddings.map((_, axis) => axis);
  const inOrder = order.map((axis) => paddings[axis] as readonly [number, number]);
  const pads = b.int64s("pads", [...inOrder.map(([before]) => before), ...inOrder.map(([, after]) => after)]);
  const inputs = mode === "constant" ? [x, pads, b.scalar("value", value)] : [x, pads];
  return b.node("Pad", inputs, { mode }, { shape, channelsFirst: x.channelsFirst });
}

/** A matrix of two columns, row by row: what comes before and after each axis. */
export function pairsOf(flat: readonly number[]): [number, number][] {
  return Array.from({ length: flat.length >> 1 }, (_, i) => [flat[2 * i] as number, flat[2 * i + 1] as number]);
}

export function tile(b: GraphBuilder, x: Value, repeats: readonly number[]): Value {
  if (repeats.every((count) => count === 1)) return x;
  const shape = x.shape.map((dim, axis): Dim => (typeof dim === "number" ? dim * (repeats[axis] ?? 1) : dim));
  if (isBatch(x.shape[0]) && repeats[0] !== 1) throw b.error("repeats the images of a batch");
  return b.node("Tile", [b.plain(x), b.int64s("repeats", repeats)], {}, { shape });
}
