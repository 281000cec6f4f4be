import { type GraphBuilder, toNchw, type Value } from "../graph/builder.ts";
import { type Dim, isBatch } from "../graph/dims.ts";
import { reshapeTo } from "./shape.ts";

/** A range of each axis, as in Python; undefined where all of it is taken. */
export interface Range {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

export function slice(b: GraphBuilder, x: Value, ranges: readonly (Range | undefined)[]): Value {
  const cuts = ranges.flatMap((range, axis) => {
    if (range === undefined || isAll(b, range, x.shape[axis] as Dim)) return [];
    if (isBatch(x.shape[axis])) throw b.error("selects images of a batch");
    return [{ ...range, axis }];
  });
  if (cuts.length === 0) return x;
  const shape = x.shape.map((dim, axis): Dim => {
    const cut = cuts.find((one) => one.axis === axis);
    if (cut === undefined) return dim;
    return typeof dim === "number" ? Math.max(Math.ceil((cut.end - cut.start) / cut.step), 0) : "unknown";
  });
  const axes = cuts.map(({ axis }) => (x.channelsFirst ? toNchw.indexOf(axis as 0) : axis));
  // From the last to the first: the end before the first element is written as far below zero.
  const ends = cuts.map(({ end, step }) => (step < 0 && end < 0 ? -(2 ** 31) : end));
  const inputs = [cuts.map(({ start }) => start), ends, axes, cuts.map(({ step }) => step)];
  const names = ["starts", "ends", "axes", "steps"];
  return b.node(
    "Slice",
    [x, ...inputs.map((values, i) => b.int64s(names[i] as string, values))],
    {},
    {
      shape,
      channelsFirst: x.channelsFirst,
    },
  );
}

function isAll(b: GraphBuilder, { start, end, step }: Range, dim: Dim): boolean {
  const size = isBatch(dim) ? dim.batch * b.fileBatch : dim;
  return start === 0 && step === 1 && typeof size === "number" && end >= size;
}

/** TensorFlow's StridedSlice: bit `i` of a mask speaks of entry `i` of begin, end and strides. */
export interface StridedSlice {
  readonly begin: readonly number[];
  readonly end: readonly number[];
  readonly strides: readonly number[];
  readonly beginMask: number;
  readonly endMask: number;
  readonly ellipsisMask: number;
  readonly newAxisMask: number;
  readonly shrinkAxisMask: number;
}

export function stridedSlice(b: GraphBuilder, x: Value, options: StridedSlice): Value {
  const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = options;
  const has = (mask: number, i: number) => (mask & (1 << i)) !== 0;
  const rank = x.shape.length;
  const taken = begin.filter((_, i) => !has(ellipsisMask, i) && !has(newAxisMask, i)).length;
  if (taken > rank) throw b.error(`${taken} ranges for a tensor of ${rank} axes`);
  const ranges: (Range | undefined)[] = [];
  const target: (Dim | "kept" | "dropped")[] = [];
  begin.forEach((from, i) => {
    if (has(ellipsisMask, i)) {
      for (let k = 0; k < rank - taken; k++) {
        ranges.push(undefined);
        target.push("kept");
      }
      return;
    }
    if (has(newAxisMask, i)) {
      target.push(1);
      return;
    }
    const dim = x.shape[ranges.length] as Dim;
    const size = isBatch(dim) ? dim.batch * b.fileBatch : dim;
    const step = strides[i] ?? 1;
    if (size === "unknown" || step === 0) throw b.error("cannot slice an axis of unknown size");
    const at = (value: number) => (value < 0 ? value + size : value);
    if (has(shrinkAxisMask, i)) {
      ranges.push({ start: at(from), end: at(from) + 1, step: 1 });
      target.push("dropped");
      return;
    }
    const low = step > 0 ? 0 : -1;
    const bounded = (value: number) => Math.min(Math.max(at(value), low), step > 0 ? size : size - 1);
    const start = has(beginMask, i) ? (step > 0 ? 0 : size - 1) : bounded(from);
    const stop = has(endMask, i) ? (step > 0 ? size : -1) : bounded(end[i] ?? size);
    ranges.push({ start, end: stop, step });
    target.push("kept");
  });
  while (ranges.length < rank) {
    ranges.push(undefined);
    target.push("kept");
  }
  if (x.known !== undefined) return sliceKnown(b, x.known, ranges[0], target.includes("dropped"));
  if (target.includes("dropped") && isBatch(x.shape[target.indexOf("dropped")]))
    throw b.error("selects one image of a batch");
  const cut = slice(b, x, ranges);
  let axis = 0;
  const shape = target.flatMap((one): Dim[] => {
    if (one !== "kept" && one !== "dropped") return [one];
    const dim = cut.shape[axis++] as Dim;
    return one === "kept" ? [dim] : [];
  });
  return target.every((one) => one === "kept") ? cut : reshapeTo(b, cut, shape);
}

function sliceKnown(b: GraphBuilder, known: readonly Dim[], range: Range | undefined, scalar: boolean): Value {
  const { start, end, step } = range ?? { start: 0, end: known.length, step: 1 };
  const values: Dim[] = [];
  for (let i = start; step > 0 ? i < end : i > end; i += step) values.push(known[i] ?? "unknown");
  return b.knownIntegers(values, scalar ? 0 : 1);
}
