import { bind } from "../ops/dispatch.ts";
import type { Device, DType, MemoryFormat } from "./dtype.ts";
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

/** Dtype, device and layout of a tensor; those left out do not change. */
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
export const views = {
  /** The elements in another shape, one size may be -1; a view where the layout allows, else a copy. */
  reshape(self: Tensor, ...shape: number[] | [readonly number[]]): Tensor {
    return reshape(self, shape.flat());
  },
  /** As reshape, but never copies. @throws TorchError where the layout does not allow a view */
  view(self: Tensor, ...shape: number[] | [readonly number[]]): Tensor {
    return view(self, shape.flat());
  },
  permute(self: Tensor, ...dims: number[] | [readonly number[]]): Tensor {
    return permute(self, dims.flat());
  },
  transpose(self: Tensor, dim0: number, dim1: number): Tensor {
    return transpose(self, dim0, dim1);
  },
  t(self: Tensor): Tensor {
    return t(self);
  },
  /** Moves dimensions to other places; those not named keep their order. */
  movedim(self: Tensor, source: number | readonly number[], destination: number | readonly number[]): Tensor {
    return movedim(self, [source].flat(), [destination].flat());
  },
  flatten(self: Tensor, startDim = 0, endDim = -1): Tensor {
    return flatten(self, startDim, endDim);
  },
  unflatten(self: Tensor, dim: number, sizes: readonly number[]): Tensor {
    return unflatten(self, dim, sizes);
  },
  /** Drops dimensions of size 1: all, or those named. */
  squeeze(self: Tensor, dim?: number | readonly number[]): Tensor {
    if (dim === undefined) return squeezeAll(self);
    if (typeof dim === "number") return squeezeDim(self, dim);
    const { ndim } = self;
    const outside = dim.find((d) => d < -Math.max(1, ndim) || d >= Math.max(1, ndim));
    if (outside !== undefined) return squeezeDim(self, outside);
    const last = [...new Set(dim.map((d) => (d < 0 ? d + ndim : d)))].sort((a, b) => b - a);
    // Without dimensions the result is still another view, as in PyTorch.
    return last.reduce<Tensor>((view, d) => squeezeDim(view, d), last.length === 0 ? alias(self) : self);
  },
  unsqueeze(self: Tensor, dim: number): Tensor {
    return unsqueeze(self, dim);
  },
  /** A view in which dimensions of size 1 are repeated; -1 keeps a size. */
  expand(self: Tensor, ...shape: number[] | [readonly number[]]): Tensor {
    return expand(self, shape.flat());
  },
  expandAs(self: Tensor, other: Tensor): Tensor {
    return expand(self, other.shape);
  },
  repeat(self: Tensor, ...repeats: number[] | [readonly number[]]): Tensor {
    return repeat(self, repeats.flat());
  },
  /** As `repeat`; dimensions that are not named are repeated once. */
  tile(self: Tensor, ...repeats: number[] | [readonly number[]]): Tensor {
    return tile(self, repeats.flat());
  },
  /** Each element, or each slice of `dim`, several times in a row: as often for all, or as an int64 tensor says. */
  repeatInterleave(self: Tensor, repeats: number | Tensor, dim: number | null = null): Tensor {
    return (typeof repeats === "number" ? repeatInterleave : repeatInterleaveEach)(self, repeats, dim);
  },
  /** The view of windows of `size` entries, `step` apart, of a dimension; the windows' entries come last. */
  unfold(self: Tensor, dim: number, size: number, step: number): Tensor {
    return unfold(self, dim, size, step);
  },
  /** The view of `length` entries of a dimension, from `start` on. */
  narrow(self: Tensor, dim: number, start: number, length: number): Tensor {
    return narrow(self, dim, start, length);
  },
  /** The view of one entry of a dimension, without that dimension. */
  select(self: Tensor, dim: number, index: number): Tensor {
    return select(self, dim, index);
  },
  /** The view of entries `start`, `start + step`, ... before `end`, as Python's `start:end:step`. */
  slice(self: Tensor, dim: number, start: number | null = null, end: number | null = null, step = 1): Tensor {
    return slice(self, dim, start, end, step);
  },
  split(self: Tensor, size: number | readonly number[], dim = 0): Tensor[] {
    return typeof size === "number" ? split(self, size, dim) : splitSizes(self, size, dim);
  },
  chunk(self: Tensor, chunks: number, dim = 0): Tensor[] {
    return chunk(self, chunks, dim);
  },
  /** `sections` parts, the first ones larger where it does not come out even; or parts that begin at the indices given. */
  tensorSplit(self: Tensor, sections: number | readonly number[], dim = 0): Tensor[] {
    return typeof sections === "number" ? tensorSplit(self, sections, dim) : tensorSplitAt(self, sections, dim);
  },
  /** The views along a dimension. */
  unbind(self: Tensor, dim = 0): Tensor[] {
    return unbind(self, dim);
  },
  flip(self: Tensor, ...dims: number[] | [readonly number[]]): Tensor {
    return flip(self, dims.flat());
  },
  roll(self: Tensor, shifts: number | readonly number[], dims: number | readonly number[] = []): Tensor {
    return roll(self, [shifts].flat(), [dims].flat());
  },
  /** Rotates by `k` times 90 degrees in the plane of two dimensions. */
  rot90(self: Tensor, k = 1, dims: readonly [number, number] = [0, 1]): Tensor {
    return rot90(self, k, dims);
  },
  /** A matrix with this vector on its diagonal; of a matrix, a copy of its diagonal. */
  diag(self: Tensor, diagonal = 0): Tensor {
    return diag(self, diagonal);
  },
  diagonal(self: Tensor, offset = 0, dim1 = 0, dim2 = 1): Tensor {
    return diagonal(self, offset, dim1, dim2);
  },
  tril(self: Tensor, diagonal = 0): Tensor {
    return tril(self, diagonal);
  },
  triu(self: Tensor, diagonal = 0): Tensor {
    return triu(self, diagonal);
  },

  /** The tensor itself when it already has that memory format, else a copy. */
  contiguous(self: Tensor, memoryFormat: MemoryFormat = "contiguous"): Tensor {
    return contiguous(self, memoryFormat);
  },
  clone(self: Tensor, options: { readonly memoryFormat?: MemoryFormat } = {}): Tensor {
    return clone(self, options.memoryFormat);
  },
  /** A tensor over the same memory, outside of the autograd graph. */
  detach(self: Tensor): Tensor {
    return detach(self);
  },
  detach_(self: Tensor): Tensor {
    return detach_(self);
  },
  /** The tensor with another dtype, on another device or in another memory format; itself when nothing changes. */
  to(self: Tensor, { dtype, device, memoryFormat, nonBlocking = false, copy = false }: Placement): Tensor {
    if (device !== undefined) return toDevice(self, device, dtype ?? self.dtype, nonBlocking, copy, memoryFormat);
    return toDtype(self, dtype ?? self.dtype, nonBlocking, copy, memoryFormat);
  },
  cpu(self: Tensor): Tensor {
    return self.to({ device: "cpu" });
  },
  cuda(self: Tensor, index = 0): Tensor {
    return self.to({ device: `cuda:${index}` });
  },
  /** A copy in page-locked memory, from which `to({ device: "cuda", nonBlocking: true })` copies beside other work. */
  pinMemory(self: Tensor): Tensor {
    return pinMemory(self);
  },
  /** The tensor in the dtype and on the device of another. */
  typeAs(self: Tensor, other: Tensor): Tensor {
    return self.to({ dtype: other.dtype, device: other.device });
  },
  half(self: Tensor): Tensor {
    return self.to({ dtype: "float16" });
  },
  bfloat16(self: Tensor): Tensor {
    return self.to({ dtype: "bfloat16" });
  },
  int(self: Tensor): Tensor {
    return self.to({ dtype: "int32" });
  },
  byte(self: Tensor): Tensor {
    return self.to({ dtype: "uint8" });
  },
  float(self: Tensor): Tensor {
    return self.to({ dtype: "float32" });
  },
  double(self: Tensor): Tensor {
    return self.to({ dtype: "float64" });
  },
  long(self: Tensor): Tensor {
    return self.to({ dtype: "int64" });
  },
  bool(self: Tensor): Tensor {
    return self.to({ dtype: "bool" });
  },
};

/** Joins tensors along an existing dimension. */
export function concatenate(tensors: readonly Tensor[], dim = 0): Tensor {
  return cat(tensors, dim);
}

/** Joins tensors of one shape along a new dimension. */
export function stackTensors(tensors: readonly Tensor[], dim = 0): Tensor {
  return stack(tensors, dim);
}

/** Joins tensors along columns (vectors end to end), and along rows (vectors as rows). */
export function horizontally(tensors: readonly Tensor[]): Tensor {
  return hstack(tensors);
}

export function vertically(tensors: readonly Tensor[]): Tensor {
  return vstack(tensors);
}
