import { bind } from "../ops/dispatch.ts";
import type { TensorCore } from "./core.ts";
import type { Device, DType, MemoryFormat } from "./dtype.ts";
import { ReduceTensor } from "./reduce.ts";
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
const [gather, indexSelect] = [bind("aten::gather"), bind("aten::index_select")];
const scatterTensor_ = bind("aten::scatter_.src");
const scatterValue_ = bind("aten::scatter_.value");
const scatterAdd_ = bind("aten::scatter_add_");
const contiguous = bind("aten::contiguous");
const [clone, detach, detach_] = [bind("aten::clone"), bind("aten::detach"), bind("aten::detach_")];
const toDtype = bind("aten::to.dtype");
const toDevice = bind("aten::to.device");
const [cat, stack] = [bind("aten::cat"), bind("aten::stack")];
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
export class ViewTensor extends ReduceTensor {
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
  flatten(startDim = 0, endDim = -1): Tensor {
    return flatten(this, startDim, endDim);
  }
  unflatten(dim: number, sizes: readonly number[]): Tensor {
    return unflatten(this, dim, sizes);
  }
  /** Drops dimensions of size 1: all, or the one named. */
  squeeze(dim?: number): Tensor {
    return dim === undefined ? squeezeAll(this) : squeezeDim(this, dim);
  }
  unsqueeze(dim: number): Tensor {
    return unsqueeze(this, dim);
  }
  /** A view in which dimensions of size 1 are repeated; -1 keeps a size. */
  expand(...shape: number[] | [readonly number[]]): Tensor {
    return expand(this, shape.flat());
  }
  repeat(...repeats: number[] | [readonly number[]]): Tensor {
    return repeat(this, repeats.flat());
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
  diagonal(offset = 0, dim1 = 0, dim2 = 1): Tensor {
    return diagonal(this, offset, dim1, dim2);
  }
  tril(diagonal = 0): Tensor {
    return tril(this, diagonal);
  }
  triu(diagonal = 0): Tensor {
    return triu(this, diagonal);
  }
  gather(dim: number, index: TensorCore): Tensor {
    return gather(this, dim, index);
  }
  indexSelect(dim: number, index: TensorCore): Tensor {
    return indexSelect(this, dim, index);
  }
  scatter_(dim: number, index: TensorCore, source: TensorCore | number): this {
    return (typeof source === "number" ? scatterValue_ : scatterTensor_)(this, dim, index, source) as unknown as this;
  }
  scatterAdd_(dim: number, index: TensorCore, source: TensorCore): this {
    return scatterAdd_(this, dim, index, source) as unknown as this;
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
