import { TorchError } from "../errors.ts";
import { bind } from "../ops/dispatch.ts";
import { TensorCore } from "./core.ts";
import { fromNested } from "./nested.ts";
import { ScatterTensor } from "./scatter.ts";
import type { Tensor } from "./tensor.ts";

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
 * for a new dimension of size 1; an int64 or bool tensor, an array of numbers or of booleans.
 */
export type Index = number | Slice | string | null | TensorCore | readonly number[] | readonly boolean[];

const index = bind("aten::index.Tensor");
const indexPut_ = bind("aten::index_put_");

/** Indexing with PyTorch's rules: numbers, slices and new dimensions give views, tensors and masks copies. */
export class IndexTensor extends ScatterTensor {
  /** `x.index(0, "1:3", mask)` is Python's `x[0, 1:3, mask]`. */
  index(...indices: Index[]): Tensor {
    const { view, tensors } = resolve(this, indices);
    return tensors === null ? view : index(view, tensors);
  }

  /** `x.setIndex([0, "1:3"], value)` is Python's `x[0, 1:3] = value`. */
  setIndex(indices: Index | readonly Index[], value: TensorCore | number | boolean): this {
    const list = Array.isArray(indices) && !isIndexList(indices) ? (indices as readonly Index[]) : [indices as Index];
    const { view, tensors } = resolve(this, list);
    if (tensors === null) {
      if (value instanceof TensorCore) view.copy_(value);
      else view.fill_(value);
    } else {
      const source =
        value instanceof TensorCore ? value : fromNested(value, { dtype: this.dtype, device: this.device });
      indexPut_(view, tensors, source, false);
    }
    return this;
  }

  /** Goes through the first dimension. */
  *[Symbol.iterator](): IterableIterator<Tensor> {
    const [length] = this.shape;
    if (length === undefined) {
      throw new TorchError({ code: "torch/iteration", what: "a tensor without dimensions cannot be iterated over" });
    }
    for (let i = 0; i < length; i++) yield this.select(0, i);
  }
}

/** An array of plain numbers given to setIndex means several indices, as everywhere: `[0, 1]` is element (0, 1). */
function isIndexList(indices: readonly unknown[]): boolean {
  return indices.length > 0 && indices.every((entry) => typeof entry === "boolean");
}

function parseSlice(text: string): Slice {
  const match = /^\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(\d+)?\s*)?$/.exec(text);
  if (match === null) {
    throw new TorchError({
      code: "torch/index",
      what: `'${text}' is no index`,
      fix: 'write a slice such as "1:3", "::2", or "..."',
    });
  }
  const number = (part: string | undefined) => (part === undefined ? null : Number(part));
  return new Slice(number(match[1]), number(match[2]), number(match[3]) ?? 1);
}

function consumedDims(entry: Index): number {
  if (entry === null || entry === "...") return 0;
  return entry instanceof TensorCore && entry.dtype === "bool" ? entry.ndim : 1;
}

/** Applies numbers, slices and new dimensions as views; what remains are tensors for the gathering operator. */
function resolve(
  self: IndexTensor,
  indices: readonly Index[],
): { view: Tensor; tensors: (TensorCore | null)[] | null } {
  const used = indices.reduce((sum: number, entry) => sum + consumedDims(entry), 0);
  if (used > self.ndim) {
    throw new TorchError({
      code: "torch/index",
      what: `too many indices: ${used} for a tensor of ${self.ndim} dimensions`,
      where: `shape [${self.shape.join(", ")}]`,
    });
  }
  let view = self as unknown as Tensor;
  let dim = 0;
  let gathers = false;
  const tensors: (TensorCore | null)[] = [];
  for (const entry of indices) {
    if (typeof entry === "number") {
      view = view.select(dim, entry);
    } else if (entry === null) {
      view = view.unsqueeze(dim++);
      tensors.push(null);
    } else if (entry === "...") {
      for (let skip = self.ndim - used; skip > 0; skip--, dim++) tensors.push(null);
    } else if (typeof entry === "string" || entry instanceof Slice) {
      const { start, end, step } = typeof entry === "string" ? parseSlice(entry) : entry;
      if (start !== null || end !== null || step !== 1) view = view.slice(dim, start, end, step);
      tensors.push(null);
      dim++;
    } else {
      gathers = true;
      const tensor = entry instanceof TensorCore ? entry : indexTensor(entry, self.device);
      // A mask of several dimensions stands in one place of the operator's list.
      tensors.push(tensor);
      dim += consumedDims(tensor);
    }
  }
  return { view, tensors: gathers ? tensors : null };
}

function indexTensor(values: readonly number[] | readonly boolean[], device: string): Tensor {
  const isMask = values.length > 0 && typeof values[0] === "boolean";
  return fromNested(values, { dtype: isMask ? "bool" : "int64", device });
}
