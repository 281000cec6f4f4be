import type { GraphBuilder, Value } from "../graph/builder.ts";
import { type Dim, dimText, isDynamic } from "../graph/dims.ts";
import { type OpCall, positiveAxis } from "./call.ts";

/** The value of a base once a view of it, result `result` of `call`, has been changed. */
type WriteThrough = (call: OpCall, result: number, base: Value, view: Value, graph: GraphBuilder) => string;

const same: WriteThrough = (_call, _result, _base, view) => view.name;

const reshaped: WriteThrough = (_call, _result, base, view, graph) =>
  graph.node("Reshape", [view.name, graph.reshapeTarget(base.shape)]);

const permuted: WriteThrough = (call, _result, _base, view, graph) => {
  const order = permutation(call);
  return graph.node("Transpose", [view.name], { perm: order.map((_, axis) => order.indexOf(axis)) });
};

/** The axes of the operand in the order of the result. */
export function permutation(call: OpCall): number[] {
  const rank = call.tensor("self").shape.length;
  if (call.has("dims")) return call.ints("dims").map((axis) => positiveAxis(axis, rank));
  const order = Array.from({ length: rank }, (_, i) => i);
  if (call.op.endsWith("numpy_T")) return order.reverse();
  const [from, to] = call.has("dim0") ? ["dim0", "dim1"] : ["axis0", "axis1"];
  const [first, second] = call.has(from)
    ? [call.axis(from, rank), call.axis(to, rank)]
    : [Math.max(0, rank - 2), Math.max(0, rank - 1)];
  [order[first], order[second]] = [second, first];
  return order;
}

/** Positions `start`, `start + step`, ... of an axis; `keepsAxis` is false where the view has lost it. */
interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly step: number;
  readonly keepsAxis: boolean;
}

/**
 * Puts the view's elements back where it was cut out: base and view side by side along the axis, of which each position
 * takes its own.
 */
function cut(where: (call: OpCall, result: number, base: Value) => Cut): WriteThrough {
  return (call, result, base, view, graph) => {
    const { axis, start, step, keepsAxis } = where(call, result, base);
    const part = keepsAxis ? view.name : graph.node("Unsqueeze", [view.name, graph.ints([axis])]);
    const [size, count] = [base.shape[axis] ?? 1, keepsAxis ? (view.shape[axis] ?? 1) : 1];
    if (start === 0 && step === 1 && dimText(size) === dimText(count)) return part;
    if (isDynamic(size) || isDynamic(count)) throw call.unsupported("a part of a dynamic axis is changed in place");
    const from = Array.from({ length: size }, (_, i) => i);
    for (let k = 0; k < count; k++) from[start + k * step] = size + k;
    return graph.node("Gather", [graph.node("Concat", [base.name, part], { axis }), graph.ints(from)], { axis });
  };
}

/** A position counted from the front, where the size allows it. */
function fromFront(call: OpCall, position: number, size: Dim): number {
  if (position >= 0) return position;
  if (isDynamic(size)) throw call.unsupported("a position counted from the end of a dynamic axis is changed in place");
  return Math.max(0, position + size);
}

const selected = cut((call, _result, base) => {
  const axis = call.axis("dim", base.shape.length);
  const start = fromFront(call, call.number("index"), base.shape[axis] ?? 1);
  return { axis, start, step: 1, keepsAxis: false };
});

const sliced = cut((call, _result, base) => {
  const axis = call.axis("dim", base.shape.length, 0);
  const start = fromFront(call, call.number("start", 0), base.shape[axis] ?? 1);
  return { axis, start, step: call.number("step", 1), keepsAxis: true };
});

const piece = cut((call, result, base) => {
  const axis = call.axis("dim", base.shape.length, 0);
  const before = call.results.slice(0, result).map(({ shape }) => shape[axis] ?? 1);
  if (before.some(isDynamic)) throw call.unsupported("a part of a dynamic axis is changed in place");
  return { axis, start: (before as number[]).reduce((sum, size) => sum + size, 0), step: 1, keepsAxis: true };
});

const row = cut((call, result, base) => {
  return { axis: call.axis("dim", base.shape.length, 0), start: result, step: 1, keepsAxis: false };
});

const viewOps: Readonly<Record<string, WriteThrough>> = {
  ...operators("alias detach contiguous to lift_fresh", same),
  ...operators("reshape view _reshape_alias view_as reshape_as flatten unflatten squeeze unsqueeze", reshaped),
  ...operators("permute transpose swapaxes t numpy_T", permuted),
  ...operators("split split_with_sizes chunk tensor_split", piece),
  select: selected,
  slice: sliced,
  narrow: sliced,
  unbind: row,
};

function operators(names: string, rule: WriteThrough): Record<string, WriteThrough> {
  return Object.fromEntries(names.split(" ").map((name) => [name, rule]));
}

/** What a base becomes when a view of it has been changed in place. @throws OnnxError for views that cannot be undone */
export function writeThrough(call: OpCall, result: number, base: Value, view: Value, graph: GraphBuilder): string {
  const rule = viewOps[call.op.replace(/^aten::/, "")];
  if (rule === undefined) throw call.unsupported("its result shares memory that is changed in place later");
  return rule(call, result, base, view, graph);
}
