import { arange, type Tensor } from "@classifier-training/torch";
import { asTensor, HostValue, hostValue, integersOf, type Value } from "../values.ts";
import { aten, type Operator, type OperatorTable } from "./setup.ts";

/** Positions from the end as those from the start. */
function positive(indices: Tensor, length: number): Tensor {
  return indices
    .lt(0)
    .to({ dtype: "int64" })
    .mul(length)
    .add(indices.to({ dtype: "int64" }));
}

const gather: Operator = (setup) => {
  const axis = setup.number("axis", 0);
  return (x, at) => {
    const [value, indices] = [x as Value, at as Value];
    const dim = axis < 0 ? axis + value.shape.length : axis;
    const length = value.shape[dim] ?? 0;
    if (indices instanceof HostValue) {
      const own = indices.numbers.map((i) => (i < 0 ? i + length : i));
      if (own.some((i) => !(i >= 0 && i < length))) throw setup.unsupported(`an index outside of 0 to ${length - 1}`);
      if (value instanceof HostValue && value.shape.length === 1)
        return new HostValue(
          value.dtype,
          indices.shape,
          own.map((i) => value.numbers[i] as number),
        );
      if (indices.shape.length === 0) return aten("select", asTensor(value), dim, own[0]);
    }
    const tensor = asTensor(value);
    const flat = positive(asTensor(indices).flatten(), length);
    const taken = tensor.indexSelect(dim, flat);
    if (indices.shape.length === 1) return taken;
    return taken.reshape([...tensor.shape.slice(0, dim), ...indices.shape, ...tensor.shape.slice(dim + 1)]);
  };
};

const slice: Operator =
  (setup) =>
  (x, ...given) => {
    const value = x as Value;
    const rank = value.shape.length;
    const [starts = [], ends = [], axes, steps] =
      setup.opset < 10
        ? [setup.numbers("starts"), setup.numbers("ends"), setup.numbers("axes"), undefined]
        : given.map((one) => (one === undefined ? undefined : integersOf(one)));
    const cut = starts.map((start, i) => {
      const axis = axes?.[i] ?? i;
      return [axis < 0 ? axis + rank : axis, start, ends[i] ?? Number.MAX_SAFE_INTEGER, steps?.[i] ?? 1] as const;
    });
    if (value instanceof HostValue && rank === 1) {
      const numbers = cut.reduce<readonly number[]>(
        (list, [, start, end, step]) => sliced(list, start, end, step),
        value.numbers,
      );
      return new HostValue(value.dtype, [numbers.length], numbers);
    }
    return cut.reduce<Tensor>((tensor, [axis, start, end, step]) => {
      const length = tensor.shape[axis] ?? 0;
      if (step > 0) return aten("slice", tensor, axis, Math.max(start, -length), Math.min(end, length), step);
      const indices = sliced(
        Array.from({ length }, (_, i) => i),
        start,
        end,
        step,
      );
      return tensor.indexSelect(axis, asTensor(hostValue(indices)));
    }, asTensor(value));
  };

/** As Python slices a list. */
function sliced(list: readonly number[], start: number, end: number, step: number): number[] {
  const { length } = list;
  const place = (at: number, low: number, high: number) => Math.min(high, Math.max(low, at < 0 ? at + length : at));
  const taken: number[] = [];
  if (step > 0)
    for (let i = place(start, 0, length); i < place(end, 0, length); i += step) taken.push(list[i] as number);
  else
    for (
      let i = place(start, -1, length - 1), last = end < -length ? -1 : place(end, -1, length - 1);
      i > last;
      i += step
    )
      taken.push(list[i] as number);
  return taken;
}

const gatherElements: Operator = (setup) => {
  const axis = setup.number("axis", 0);
  return (x, indices) => {
    const tensor = asTensor(x as Value);
    return aten("gather", tensor, axis, positive(asTensor(indices as Value), tensor.shape.at(axis) ?? 0));
  };
};

/** The last axis of the indices is a position in the first axes. */
const gatherND: Operator = (setup) => {
  const batchAxes = setup.number("batch_dims", 0);
  return (x, given) => {
    const [tensor, indices] = [asTensor(x as Value), asTensor(given as Value)];
    const rank = indices.ndim - 1;
    const batch = Array.from({ length: batchAxes }, (_, axis) => {
      const numbers = arange(tensor.shape[axis] ?? 0, { dtype: "int64", device: tensor.device });
      return numbers.reshape(Array.from({ length: rank }, (_, i) => (i === axis ? -1 : 1)));
    });
    return aten("index", tensor, [...batch, ...positions(tensor, indices, batchAxes)]);
  };
};

/** What the last axis of `indices` says: an index for each axis of the tensor, from `first` on. */
function positions(tensor: Tensor, indices: Tensor, first = 0): Tensor[] {
  const depth = indices.shape.at(-1) ?? 0;
  return Array.from({ length: depth }, (_, i) =>
    positive(aten("select", indices, -1, i), tensor.shape[first + i] ?? 0),
  );
}

const scatterElements: Operator = (setup) => {
  const axis = setup.number("axis", 0);
  const reduction = setup.text("reduction", "none");
  const reduce = { none: undefined, add: "sum", mul: "prod", max: "amax", min: "amin" }[reduction];
  return (x, indices, updates) => {
    const tensor = asTensor(x as Value);
    const at = positive(asTensor(indices as Value), tensor.shape.at(axis) ?? 0);
    if (reduce === undefined) return aten("scatter", tensor, axis, at, asTensor(updates as Value));
    if (reduce === "sum") return aten("scatter_add", tensor, axis, at, asTensor(updates as Value));
    return aten("scatter_reduce", tensor, axis, at, asTensor(updates as Value), reduce);
  };
};

const scatterND: Operator = (setup) => {
  const reduction = setup.text("reduction", "none");
  if (reduction !== "none" && reduction !== "add") throw setup.unsupported(`reduction ${reduction}`);
  return (x, indices, updates) => {
    const tensor = asTensor(x as Value);
    const at = positions(tensor, asTensor(indices as Value));
    return aten("index_put", tensor, at, asTensor(updates as Value), reduction === "add");
  };
};

const topK: Operator = (setup) => {
  const [axis, largest, sorted] = [setup.number("axis", -1), setup.number("largest", 1), setup.number("sorted", 1)];
  return (x, k) => {
    const wanted = k === undefined ? setup.number("k", 1) : (integersOf(k)[0] ?? 1);
    return aten("topk", asTensor(x as Value), wanted, axis, largest === 1, sorted === 1) as unknown as Tensor[];
  };
};

function best(name: "argmax" | "argmin"): Operator {
  return (setup) => {
    const [axis, keepdims] = [setup.number("axis", 0), setup.number("keepdims", 1)];
    if (setup.number("select_last_index", 0) === 1) throw setup.unsupported("select_last_index");
    return (x) => aten(name, asTensor(x as Value), axis, keepdims === 1);
  };
}

const trilu: Operator = (setup) => {
  const name = setup.number("upper", 1) === 1 ? "triu" : "tril";
  return (x, k) => aten(name, asTensor(x as Value), k === undefined ? 0 : (integersOf(k)[0] ?? 0));
};

const cumSum: Operator = (setup) => {
  const [isExclusive, isReversed] = [setup.number("exclusive", 0) === 1, setup.number("reverse", 0) === 1];
  return (x, axis) => {
    const tensor = asTensor(x as Value);
    const dim = integersOf(axis as Value)[0] ?? 0;
    const flip = (one: Tensor) => (isReversed ? aten("flip", one, [dim]) : one);
    const forward = flip(tensor);
    const sum = aten("cumsum", forward, dim);
    return flip(isExclusive ? sum.sub(forward) : sum);
  };
};

const oneHot: Operator = (setup) => {
  const axis = setup.number("axis", -1);
  return (x, depth, values) => {
    const count = integersOf(depth as Value)[0] ?? 1;
    const [off = 0, on = 1] = integersOf(values as Value);
    const hot = aten("one_hot", positive(asTensor(x as Value), count), count);
    const filled = hot
      .to({ dtype: (values as Value).dtype })
      .mul(on - off)
      .add(off);
    return axis === -1 ? filled : aten("movedim", filled, -1, axis);
  };
};

export const indexingOperators: OperatorTable = {
  Gather: gather,
  Slice: slice,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  TopK: topK,
  ArgMax: best("argmax"),
  ArgMin: best("argmin"),
  Trilu: trilu,
  CumSum: cumSum,
  OneHot: oneHot,
};
