import { TorchError } from "../errors.ts";
import { bind, describeValue } from "../ops/dispatch.ts";
import { zeros } from "./create.ts";
import { fromNested } from "./nested.ts";
import type { Operand } from "./pointwise.ts";
import { withoutTrailingNulls } from "./scatter.ts";
import { Tensor } from "./tensor.ts";

/** `start:end:step` of one dimension, for `index`. */
export class Slice {
  readonly start: number | null;
  readonly end: number | null;
  readonly step: number;
  constructor(start: number | null, end: number | null, step: number) {
    this.start = start;
    this.end = end;
    this.step = step;
  }
}

/** A slice for `index`: `x.index(slice(1, 3))` is Python's `x[1:3]`; `slice()` takes everything. */
export function slice(start: number | null = null, end: number | null = null, step = 1): Slice {
  return new Slice(start, end, step);
}

/**
 * One index: a number; a slice, also as text (`"1:3"`, `"::2"`, `":"`); `"..."` for all dimensions not named; `null`
 * for a new dimension of size 1; an integer or bool tensor, an array of integers or of booleans; a single boolean for a
 * new dimension of size 1 (true) or 0 (false).
 */
export type Index = number | Slice | string | null | boolean | Tensor | readonly number[] | readonly boolean[];

const index = bind("aten::index.Tensor");
const indexPut_ = bind("aten::index_put_");
const alias = bind("aten::alias");

/** Indexing with PyTorch's rules: numbers, slices and new dimensions give views, tensors and masks copies. */
export const indexing = {
  /** `x.index(0, "1:3", mask)` is Python's `x[0, 1:3, mask]`. */
  index(self: Tensor, ...indices: Index[]): Tensor {
    const { view, tensors } = resolve(self, indices);
    if (tensors.length > 0) return index(view, tensors);
    return view === self ? alias(view) : view;
  },

  /**
   * `x.setIndex([0, "1:3"], value)` is Python's `x[0, 1:3] = value`. A value's leading dimensions of size 1 are dropped,
   * then it broadcasts; into positions given by tensors it must have this tensor's dtype.
   */
  setIndex(self: Tensor, indices: Index | readonly Index[], value: Operand): Tensor {
    const list = Array.isArray(indices) && !isMaskList(indices) ? (indices as readonly Index[]) : [indices as Index];
    const { view, tensors } = resolve(self, list);
    if (tensors.length > 0) {
      const source = value instanceof Tensor ? withoutLeadingOnes(value) : scalarLike(self, value);
      indexPut_(view, tensors, source, false);
    } else if (value instanceof Tensor) {
      view.copy_(withoutLeadingOnes(value));
    } else {
      view.fill_(value);
    }
    return self;
  },

  /** Goes through the first dimension. */
  *[Symbol.iterator](self: Tensor): IterableIterator<Tensor> {
    const [length] = self.shape;
    if (length === undefined) {
      throw new TorchError({ code: "torch/iteration", what: "a tensor without dimensions cannot be iterated over" });
    }
    for (let i = 0; i < length; i++) yield self.select(0, i);
  },
};

/** An array of booleans given to setIndex is one mask; any other array is a list of indices: `[0, 1]` is element (0, 1). */
function isMaskList(indices: readonly unknown[]): boolean {
  return indices.length > 0 && indices.every((entry) => typeof entry === "boolean");
}

function withoutLeadingOnes(value: Tensor): Tensor {
  const first = value.shape.findIndex((size) => size !== 1);
  if (first === 0) return value;
  return value.reshape(first < 0 ? [] : value.shape.slice(first));
}

/** A value without dimensions; one that the dtype cannot hold is refused, as by `full`. */
function scalarLike({ dtype, device }: Tensor, value: number | bigint | boolean): Tensor {
  return zeros([], { dtype, device }).fill_(value);
}

function parseSlice(text: string): Slice {
  const match = /^\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(-?\d+)?\s*)?$/.exec(text);
  if (match === null) {
    throw indexError(`'${text}' is not an index`, 'write a slice such as "1:3", "::2", or "..."');
  }
  const number = (part: string | undefined) => (part === undefined ? null : Number(part));
  return new Slice(number(match[1]), number(match[2]), number(match[3]) ?? 1);
}

function indexError(what: string, fix?: string, where?: string): TorchError {
  return new TorchError({ code: "torch/index", what, where, fix });
}

const maskDtypes: readonly string[] = ["bool", "uint8"];
const positionDtypes: readonly string[] = ["int64", "int32"];

/** An entry in the form that PyTorch's indexing knows: tensors without dimensions become a number or a boolean. */
type PlainIndex = number | Slice | "..." | null | boolean | Tensor;

function plainIndex(entry: Index, device: string): PlainIndex {
  if (entry === null || entry === "..." || typeof entry === "boolean" || entry instanceof Slice) return entry;
  if (typeof entry === "string") return parseSlice(entry);
  if (typeof entry === "number") {
    if (Number.isInteger(entry)) return entry;
    throw indexError(`expected an integer as index, received ${entry}`);
  }
  const tensor = entry instanceof Tensor ? entry : arrayIndex(entry, device);
  const { dtype } = tensor;
  if (maskDtypes.includes(dtype)) return tensor.ndim === 0 ? tensor.item() !== 0 : tensor;
  if (tensor.ndim === 0 && dtype.startsWith("int")) return tensor.item();
  if (!positionDtypes.includes(dtype)) {
    throw indexError(`expected a tensor of int64, int32, uint8 or bool as index, received ${dtype}`);
  }
  return dtype === "int64" ? tensor : tensor.long();
}

function arrayIndex(values: unknown, device: string): Tensor {
  if (!Array.isArray(values)) throw indexError(`expected an index, received ${describeValue(values)}`);
  const flat = values.flat(Number.POSITIVE_INFINITY);
  const isMask = flat.length > 0 && flat.every((value) => typeof value === "boolean");
  const wrong = isMask ? undefined : flat.find((value) => !Number.isInteger(Number(value)));
  if (wrong !== undefined) throw indexError(`expected integers or booleans as indices, received ${wrong}`);
  return fromNested(values, { dtype: isMask ? "bool" : "int64", device });
}

/** How many of the tensor's dimensions an index stands for. */
function consumedDims(entry: PlainIndex): number {
  if (entry === null || entry === "..." || typeof entry === "boolean") return 0;
  return entry instanceof Tensor && maskDtypes.includes(entry.dtype) ? entry.ndim : 1;
}

/**
 * Applies numbers, slices and new dimensions as views, as `python_variable_indexing.cpp` does; what remains is the list
 * of the gathering operators. It ends with a tensor: with nulls after a mask `index_put_` takes the mask for one of the
 * last dimensions.
 */
function resolve(self: Tensor, indices: readonly Index[]): { view: Tensor; tensors: readonly (Tensor | null)[] } {
  const entries = indices.map((entry) => plainIndex(entry, self.device));
  const used = entries.reduce((sum: number, entry) => sum + consumedDims(entry), 0);
  if (used > self.ndim) {
    const where = `shape [${self.shape.join(", ")}]`;
    const fix = self.ndim === 0 ? "item() gives its value" : undefined;
    throw indexError(`too many indices: ${used} for a tensor of ${self.ndim} dimensions`, fix, where);
  }
  if (entries.filter((entry) => entry === "...").length > 1) {
    throw indexError('an index can have only one "..."');
  }
  let view = self;
  let dim = 0;
  const tensors: (Tensor | null)[] = [];
  for (const entry of entries) {
    if (typeof entry === "number") {
      view = view.select(dim, entry);
    } else if (entry === null) {
      view = view.unsqueeze(dim++);
      tensors.push(null);
    } else if (typeof entry === "boolean") {
      view = view.unsqueeze(dim++);
      tensors.push(zeros([entry ? 1 : 0], { dtype: "int64", device: self.device }));
    } else if (entry === "...") {
      for (let skip = self.ndim - used; skip > 0; skip--, dim++) tensors.push(null);
    } else if (entry instanceof Slice) {
      const { start, end, step } = entry;
      if (start !== null || end !== null || step !== 1) view = view.slice(dim, start, end, step);
      tensors.push(null);
      dim++;
    } else {
      // A mask of several dimensions stands in one place of the operator's list.
      tensors.push(entry);
      dim += consumedDims(entry);
    }
  }
  return { view, tensors: withoutTrailingNulls(tensors) };
}
