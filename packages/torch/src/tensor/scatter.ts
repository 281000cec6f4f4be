import { bind } from "../ops/dispatch.ts";
import type { TensorCore } from "./core.ts";
import type { Tensor } from "./tensor.ts";
import { ViewTensor } from "./views.ts";

const [gather, indexSelect, take] = [bind("aten::gather"), bind("aten::index_select"), bind("aten::take")];
const takeAlongDim = bind("aten::take_along_dim");
const [maskedSelect, maskedScatter_] = [bind("aten::masked_select"), bind("aten::masked_scatter_")];
const [scatterTensor, scatterTensor_] = [bind("aten::scatter.src"), bind("aten::scatter_.src")];
const [scatterValue, scatterValue_] = [bind("aten::scatter.value"), bind("aten::scatter_.value")];
const [scatterAdd, scatterAdd_] = [bind("aten::scatter_add"), bind("aten::scatter_add_")];
const scatterReduce = bind("aten::scatter_reduce.two");
const [indexAdd, indexAdd_] = [bind("aten::index_add"), bind("aten::index_add_")];
const [indexCopy_, indexFill_] = [bind("aten::index_copy_"), bind("aten::index_fill_.int_Scalar")];
const [indexPut, indexPut_] = [bind("aten::index_put"), bind("aten::index_put_")];

/** Index tensors for the first dimensions, null for those taken whole. */
export type IndexTensors = readonly (TensorCore | null)[];

/** Python never passes them, and `index_put_` reads nulls behind a mask wrongly (pytorch issue 158413). */
export function withoutTrailingNulls(indices: IndexTensors): IndexTensors {
  return indices.slice(0, indices.findLastIndex((index) => index !== null) + 1);
}

/** Reading and writing at positions that int64 tensors name. */
export class ScatterTensor extends ViewTensor {
  /** Along `dim`, the elements at the positions in `index`, which has the shape of the result. */
  gather(dim: number, index: TensorCore): Tensor {
    return gather(this, dim, index);
  }
  /** As `gather`, with shapes that broadcast. */
  takeAlongDim(index: TensorCore, dim: number): Tensor {
    return takeAlongDim(this, index, dim);
  }
  /** The slices of a dimension at the positions of a vector. */
  indexSelect(dim: number, index: TensorCore): Tensor {
    return indexSelect(this, dim, index);
  }
  /** The elements at positions of the flattened tensor. */
  take(index: TensorCore): Tensor {
    return take(this, index);
  }
  /** The elements where `mask` (bool) holds, as a vector. */
  maskedSelect(mask: TensorCore): Tensor {
    return maskedSelect(this, mask);
  }
  /** Fills the places where `mask` holds with the elements of `source`, in order. */
  maskedScatter_(mask: TensorCore, source: TensorCore): this {
    return maskedScatter_(this, mask, source) as unknown as this;
  }
  /** A copy with elements of `source` at the positions that `index` names along `dim`. */
  scatter(dim: number, index: TensorCore, source: TensorCore | number): Tensor {
    return (typeof source === "number" ? scatterValue : scatterTensor)(this, dim, index, source);
  }
  scatter_(dim: number, index: TensorCore, source: TensorCore | number): this {
    return (typeof source === "number" ? scatterValue_ : scatterTensor_)(this, dim, index, source) as unknown as this;
  }
  scatterAdd(dim: number, index: TensorCore, source: TensorCore): Tensor {
    return scatterAdd(this, dim, index, source);
  }
  scatterAdd_(dim: number, index: TensorCore, source: TensorCore): this {
    return scatterAdd_(this, dim, index, source) as unknown as this;
  }
  /** Reduces the elements of `source` that `index` sends to one place, with this tensor's unless `includeSelf` is false. */
  scatterReduce(
    dim: number,
    index: TensorCore,
    source: TensorCore,
    reduce: "sum" | "prod" | "mean" | "amax" | "amin",
    { includeSelf = true }: { readonly includeSelf?: boolean } = {},
  ): Tensor {
    return scatterReduce(this, dim, index, source, reduce, includeSelf);
  }
  /** A copy to whose slices at `index` those of `source`, times `alpha`, are added. */
  indexAdd(dim: number, index: TensorCore, source: TensorCore, { alpha = 1 }: { alpha?: number } = {}): Tensor {
    return indexAdd(this, dim, index, source, alpha);
  }
  indexAdd_(dim: number, index: TensorCore, source: TensorCore, { alpha = 1 }: { alpha?: number } = {}): this {
    return indexAdd_(this, dim, index, source, alpha) as unknown as this;
  }
  /** Overwrites the slices at `index` with those of `source`. */
  indexCopy_(dim: number, index: TensorCore, source: TensorCore): this {
    return indexCopy_(this, dim, index, source) as unknown as this;
  }
  indexFill_(dim: number, index: TensorCore, value: number): this {
    return indexFill_(this, dim, index, value) as unknown as this;
  }
  /** A copy with `values` at the positions; `accumulate` adds them, those for one place too. */
  indexPut(indices: IndexTensors, values: TensorCore, { accumulate = false }: { accumulate?: boolean } = {}): Tensor {
    return indexPut(this, withoutTrailingNulls(indices), values, accumulate);
  }
  indexPut_(indices: IndexTensors, values: TensorCore, { accumulate = false }: { accumulate?: boolean } = {}): this {
    return indexPut_(this, withoutTrailingNulls(indices), values, accumulate) as unknown as this;
  }
}
