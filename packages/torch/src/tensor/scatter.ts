import { bind } from "../ops/dispatch.ts";
import type { Tensor } from "./tensor.ts";

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
export type IndexTensors = readonly (Tensor | null)[];

/** As Python does: `index_put_` mistakes nulls after a mask (pytorch issue 158413). */
export function withoutTrailingNulls(indices: IndexTensors): IndexTensors {
  return indices.slice(0, indices.findLastIndex((index) => index !== null) + 1);
}

/** Reading and writing at positions that int64 tensors name. */
export const scatter = {
  /** Along `dim`, the elements at the positions in `index`, which has the shape of the result. */
  gather(self: Tensor, dim: number, index: Tensor): Tensor {
    return gather(self, dim, index);
  },
  /** As `gather`, with shapes that broadcast. */
  takeAlongDim(self: Tensor, index: Tensor, dim: number): Tensor {
    return takeAlongDim(self, index, dim);
  },
  /** The slices of a dimension at the positions of a vector. */
  indexSelect(self: Tensor, dim: number, index: Tensor): Tensor {
    return indexSelect(self, dim, index);
  },
  /** The elements at positions of the flattened tensor. */
  take(self: Tensor, index: Tensor): Tensor {
    return take(self, index);
  },
  /** The elements where `mask` (bool) holds, as a vector. */
  maskedSelect(self: Tensor, mask: Tensor): Tensor {
    return maskedSelect(self, mask);
  },
  /** Fills the places where `mask` holds with the elements of `source`, in order. */
  maskedScatter_(self: Tensor, mask: Tensor, source: Tensor): Tensor {
    return maskedScatter_(self, mask, source);
  },
  /** A copy with elements of `source` at the positions that `index` names along `dim`. */
  scatter(self: Tensor, dim: number, index: Tensor, source: Tensor | number): Tensor {
    return (typeof source === "number" ? scatterValue : scatterTensor)(self, dim, index, source);
  },
  scatter_(self: Tensor, dim: number, index: Tensor, source: Tensor | number): Tensor {
    return (typeof source === "number" ? scatterValue_ : scatterTensor_)(self, dim, index, source);
  },
  scatterAdd(self: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
    return scatterAdd(self, dim, index, source);
  },
  scatterAdd_(self: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
    return scatterAdd_(self, dim, index, source);
  },
  /** Reduces the elements of `source` that `index` sends to one place, with this tensor's unless `includeSelf` is false. */
  scatterReduce(
    self: Tensor,
    dim: number,
    index: Tensor,
    source: Tensor,
    reduce: "sum" | "prod" | "mean" | "amax" | "amin",
    options: { readonly includeSelf?: boolean } = {},
  ): Tensor {
    return scatterReduce(self, dim, index, source, reduce, options.includeSelf ?? true);
  },
  /** A copy to whose slices at `index` those of `source`, times `alpha`, are added. */
  indexAdd(
    self: Tensor,
    dim: number,
    index: Tensor,
    source: Tensor,
    options: { readonly alpha?: number } = {},
  ): Tensor {
    return indexAdd(self, dim, index, source, options.alpha ?? 1);
  },
  indexAdd_(
    self: Tensor,
    dim: number,
    index: Tensor,
    source: Tensor,
    options: { readonly alpha?: number } = {},
  ): Tensor {
    return indexAdd_(self, dim, index, source, options.alpha ?? 1);
  },
  /** Overwrites the slices at `index` with those of `source`. */
  indexCopy_(self: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
    return indexCopy_(self, dim, index, source);
  },
  indexFill_(self: Tensor, dim: number, index: Tensor, value: number): Tensor {
    return indexFill_(self, dim, index, value);
  },
  /** A copy with `values` at the positions; `accumulate` adds them, those for one place too. */
  indexPut(
    self: Tensor,
    indices: IndexTensors,
    values: Tensor,
    options: { readonly accumulate?: boolean } = {},
  ): Tensor {
    return indexPut(self, withoutTrailingNulls(indices), values, options.accumulate ?? false);
  },
  indexPut_(
    self: Tensor,
    indices: IndexTensors,
    values: Tensor,
    options: { readonly accumulate?: boolean } = {},
  ): Tensor {
    return indexPut_(self, withoutTrailingNulls(indices), values, options.accumulate ?? false);
  },
};
