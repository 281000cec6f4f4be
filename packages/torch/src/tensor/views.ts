import { bind } from "../ops/dispatch.ts";
import type { TensorCore } from "./core.ts";
import type { Device, DType, MemoryFormat } from "./dtype.ts";
import { ProductTensor } from "./products.ts";
import type { Tensor } from "./tensor.ts";

const [reshape, view, permute] = [bind("aten::reshape"), bind("aten::view"), bind("aten::permute")];
const [transpose, t, flatten] = [bind("aten::transpose.int"), bind("aten::t"), bind("aten::flatten.using_ints")];
const unflatten = bind("aten::unflatten.int");
const [squeezeAll, squeezeDim, unsqueeze] = [bind("aten::squeeze"), bind("aten::squeeze.dim"), bind("aten::unsqueeze")];
const [expand, repeat, narrow, select] = [
  bind("aten::expand"),
  bind("aten::repeat"),
  bind("aten::narrow"),
  bind("aten::select.int"),
];
const slice = bind("aten::slice.Tensor");
const [split, splitSizes] = [bind<Tensor[]>("aten::split.Tensor"), bind<Tensor[]>("aten::split_with_sizes")];
const [chunk, unbind] = [bind<Tensor[]>("aten::chunk"), bind<Tensor[]>("aten::unbind.int")];
const [flip, roll, diagonal] = [bind("aten::flip"), bind("aten::roll"), bind("aten::diagonal")];
const contiguous = bind("aten::contiguous");
const [clone, detach, detach_] = [bind("aten::clone"), bind("aten::detach"), bind("aten::detach_")];
const toDtype = bind("aten::to.dtype");
const toDevice = bind("aten::to.device");
const [cat, stack] = [bind("aten::cat"), bind("aten::stack")];
const [hstack, vstack] = [bind("aten::hstack"), bind("aten::vstack")];
const [tensorSplit, tensorSplitAt] = [
  bind<Tensor[]>("aten::tensor_split.sections"),
  bind<Tensor[]>("aten::tensor_split.indices"),
];
const [movedim, unfold, tile] = [bind("aten::movedim.intlist"), bind("aten::unfold"), bind("aten::tile")];
const repeatInterleave = bind("aten::repeat_interleave.self_int");
const repeatInterleaveEach = bind("aten::repeat_interleave.self_Tensor");
const [rot90, diag] = [bind("aten::rot90"), bind("aten::diag")];
const alias = bind("aten::alias");
const pinMemory = bind("aten::pin_memory");
const [tril, triu] = [bind("aten::tril"), bind("aten::triu")];

/** Where and how a tensor should be; what is left out stays as it is. */
export interface Placement {
  readonly dtype?: DType;
  readonly device?: Device;
  readonly memoryFormat?: MemoryFormat;
  /** Lets a copy from pinned host memory to an accelerator run beside other work. */
  readonly nonBlocking?: boolean;
  /** Copies even when nothing changes. */
  readonly copy?: boolean;
}

/** Shapes, views and copies. A view shares the memory of its base. */
export class ViewTensor extends ProductTensor {
  /** The elements in another shape, one size may be -1; a view where the layout allows, else a copy. */
  reshape(...shape: number[] | [readonly number[]]): Tensor {
    return reshape(this, shape.flat());
  }
  /** As reshape, but never copies. @throws TorchError where the layout does not allow a view */
  view(...shape: number[] | [readonly number[]]): Tensor {
    return view(this, shape.flat());
  }
  permute(...dims: number[] | [readonly number[]]): Tensor {
    return permute(this, dims.flat());
  }
  transpose(dim0: number, dim1: number): Tensor {
    return transpose(this, dim0, dim1);
  }
  t(): Tensor {
    return t(this);
  }
  /** The matrix, or the batch of matrices, with rows and columns exchanged. */
  get mT(): Tensor {
    return transpose(this, -2, -1);
  }
  /** Moves dimensions to other places; those not named keep their order. */
  movedim(source: number | readonly number[], destination: number | readonly number[]): Tensor {
    return movedim(this, [source].flat(), [destination].flat());
  }
  flatten(startDim = 0, endDim = -1): Tensor {
    return flatten(this, startDim, endDim);
  }
  unflatten(dim: number, sizes: readonly number[]): Tensor {
    return unflatten(this, dim, sizes);
  }
  /** Drops dimensions of size 1: all, or those named. */
  squeeze(dim?: number | readonly number[]): Tensor {
    if (dim === undefined) return squeezeAll(this);
    if (typeof dim === "number") return squeezeDim(this, dim);
    const { ndim } = this;
    const outside = dim.find((d) => d < -Math.max(1, ndim) || d >= Math.max(1, ndim));
    if (outside !== undefined) return squeezeDim(this, outside);
    const last = [...new Set(dim.map((d) => (d < 0 ? d + ndim : d)))].sort((a, b) => b - a);
    // With no dimensions it is still a view of its own, as in PyTorch.
    return last.reduce<ViewTensor>((view, d) => squeezeDim(view, d), last.length === 0 ? alias(this) : this) as Tensor;
  }
  unsqueeze(dim: number): Tensor {
    return unsqueeze(this, dim);
  }
  /** A view in which dimensions of size 1 are repeated; -1 keeps a size. */
  expand(...shape: number[] | [readonly number[]]): Tensor {
    return expand(this, shape.flat());
  }
  expandAs(other: TensorCore): Tensor {
    return expand(this, other.shape);
  }
  repeat(...repeats: number[] | [readonly number[]]): Tensor {
    return repeat(this, repeats.flat());
  }
  /** As `repeat`; dimensions that are not named are repeated once. */
  tile(...repeats: number[] | [readonly number[]]): Tensor {
    return tile(this, repeats.flat());
  }
  /** Each element, or each slice of `dim`, several times in a row: as often for all, or as an int64 tensor says. */
  repeatInterleave(repeats: number | TensorCore, dim: number | null = null): Tensor {
    return (typeof repeats === "number" ? repeatInterleave : repeatInterleaveEach)(this, repeats, dim);
  }
  /** The view of windows of `size` entries, `step` apart, of a dimension; the windows' entries come last. */
  unfold(dim: number, size: number, step: number): Tensor {
    return unfold(this, dim, size, step);
  }
  /** The view of `length` entries of a dimension, from `start` on. */
  narrow(dim: number, start: number, length: number): Tensor {
    return narrow(this, dim, start, length);
  }
  /** The view of one entry of a dimension, which goes away. */
  select(dim: number, index: number): Tensor {
    return select(this, dim, index);
  }
  /** The view of entries `start`, `start + step`, ... before `end`, as Python's `start:end:step`. */
  slice(dim: number, start: number | null = null, end: number | null = null, step = 1): Tensor {
    return slice(this, dim, start, end, step);
  }
  split(size: number | readonly number[], dim = 0): Tensor[] {
    return typeof size === "number" ? split(this, size, dim) : splitSizes(this, size, dim);
  }
  chunk(chunks: number, dim = 0): Tensor[] {
    return chunk(this, chunks, dim);
  }
  /** `sections` parts, the first ones larger where it does not come out even; or parts that begin at the indices given. */
  tensorSplit(sections: number | readonly number[], dim = 0): Tensor[] {
    return typeof sections === "number" ? tensorSplit(this, sections, dim) : tensorSplitAt(this, sections, dim);
  }
  /** The views along a dimension. */
  unbind(dim = 0): Tensor[] {
    return unbind(this, dim);
  }
  flip(...dims: number[] | [readonly number[]]): Tensor {
    return flip(this, dims.flat());
  }
  roll(shifts: number | readonly number[], dims: number | readonly number[] = []): Tensor {
    return roll(this, [shifts].flat(), [dims].flat());
  }
  /** Turns by `k` quarter turns in the plane of two dimensions. */
  rot90(k = 1, dims: readonly [number, number] = [0, 1]): Tensor {
    return rot90(this, k, dims);
  }
  /** A matrix with this vector on its diagonal; of a matrix, a copy of its diagonal. */
  diag(diagonal = 0): Tensor {
    return diag(this, diagonal);
  }
  diagonal(offset = 0, dim1 = 0, dim2 = 1): Tensor {
    return diagonal(this, offset, dim1, dim2);
  }
  tril(diagonal = 0): Tensor {
    return tril(this, diagonal);
  }
  triu(diagonal = 0): Tensor {
    return triu(this, diagonal);
  }

  /** The tensor itself when it already lies in memory like that, else a copy. */
  contiguous(memoryFormat: MemoryFormat = "contiguous"): Tensor {
    return contiguous(this, memoryFormat);
  }
  clone({ memoryFormat }: { memoryFormat?: MemoryFormat } = {}): Tensor {
    return clone(this, memoryFormat);
  }
  /** A tensor over the same memory, outside of the autograd graph. */
  detach(): Tensor {
    return detach(this);
  }
  detach_(): this {
    return detach_(this) as unknown as this;
  }
  /** The tensor with another dtype, on another device or in another memory format; itself when nothing changes. */
  to({ dtype, device, memoryFormat, nonBlocking = false, copy = false }: Placement): Tensor {
    if (device !== undefined) return toDevice(this, device, dtype ?? this.dtype, nonBlocking, copy, memoryFormat);
    return toDtype(this, dtype ?? this.dtype, nonBlocking, copy, memoryFormat);
  }
  cpu(): Tensor {
    return this.to({ device: "cpu" });
  }
  cuda(index = 0): Tensor {
    return this.to({ device: `cuda:${index}` });
  }
  /** A copy in page-locked memory, from which `to({ device: "cuda", nonBlocking: true })` copies beside other work. */
  pinMemory(): Tensor {
    return pinMemory(this);
  }
  /** The tensor in the dtype and on the device of another. */
  typeAs(other: TensorCore): Tensor {
    return this.to({ dtype: other.dtype, device: other.device });
  }
  half(): Tensor {
    return this.to({ dtype: "float16" });
  }
  bfloat16(): Tensor {
    return this.to({ dtype: "bfloat16" });
  }
  int(): Tensor {
    return this.to({ dtype: "int32" });
  }
  byte(): Tensor {
    return this.to({ dtype: "uint8" });
  }
  float(): Tensor {
    return this.to({ dtype: "float32" });
  }
  double(): Tensor {
    return this.to({ dtype: "float64" });
  }
  long(): Tensor {
    return this.to({ dtype: "int64" });
  }
  bool(): Tensor {
    return this.to({ dtype: "bool" });
  }
}

/** Joins tensors along an existing dimension. */
export function concatenate(tensors: readonly TensorCore[], dim = 0): Tensor {
  return cat(tensors, dim);
}

/** Joins tensors of one shape along a new dimension. */
export function stackTensors(tensors: readonly TensorCore[], dim = 0): Tensor {
  return stack(tensors, dim);
}

/** Joins tensors along columns (vectors end to end), and along rows (vectors as rows). */
export function horizontally(tensors: readonly TensorCore[]): Tensor {
  return hstack(tensors);
}

export function vertically(tensors: readonly TensorCore[]): Tensor {
  return vstack(tensors);
}
