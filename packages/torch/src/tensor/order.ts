import { bind } from "../ops/dispatch.ts";
import { TensorCore } from "./core.ts";
import { type Indexed, indexed, ReduceTensor } from "./reduce.ts";
import type { Tensor } from "./tensor.ts";

const sort = bind<[Tensor, Tensor]>("aten::sort");
const stableSort = bind<[Tensor, Tensor]>("aten::sort.stable");
const argsort = bind("aten::argsort");
const topk = bind<[Tensor, Tensor]>("aten::topk");
const kthvalue = bind<[Tensor, Tensor]>("aten::kthvalue");
const [medianAll, medianDim] = [bind("aten::median"), bind<[Tensor, Tensor]>("aten::median.dim")];
const mode = bind<[Tensor, Tensor]>("aten::mode");
const [quantile, quantiles] = [bind("aten::quantile.scalar"), bind("aten::quantile")];
const [cummax, cummin] = [bind<[Tensor, Tensor]>("aten::cummax"), bind<[Tensor, Tensor]>("aten::cummin")];
const unique = bind<[Tensor, Tensor, Tensor]>("aten::_unique2");
const uniqueDim = bind<[Tensor, Tensor, Tensor]>("aten::unique_dim");
const uniqueConsecutive = bind<[Tensor, Tensor, Tensor]>("aten::unique_consecutive");
const [bincount, histc, nonzero] = [bind("aten::bincount"), bind("aten::histc"), bind("aten::nonzero")];
const [searchsorted, bucketize] = [bind("aten::searchsorted.Tensor"), bind("aten::bucketize.Tensor")];
const isin = bind("aten::isin.Tensor_Tensor");

export interface UniqueOptions {
  /** Distinct slices along this dimension; distinct elements of the flattened tensor when left out. */
  readonly dim?: number;
}

/** Distinct values, where each element of the input went, and how often each occurred (both int64). */
export interface Unique {
  readonly values: Tensor;
  readonly inverse: Tensor;
  readonly counts: Tensor;
}

/** Sorting, order statistics, counting and searching. */
export class OrderTensor extends ReduceTensor {
  /** @param options `stable` keeps the order of equal elements */
  sort(
    dim = -1,
    { descending = false, stable }: { readonly descending?: boolean; readonly stable?: boolean } = {},
  ): Indexed {
    return indexed(stable === undefined ? sort(this, dim, descending) : stableSort(this, stable, dim, descending));
  }
  argsort(dim = -1, { descending = false }: { descending?: boolean } = {}): Tensor {
    return argsort(this, dim, descending);
  }
  topk(k: number, dim = -1, { largest = true, sorted = true }: { largest?: boolean; sorted?: boolean } = {}): Indexed {
    return indexed(topk(this, k, dim, largest, sorted));
  }
  /** The k-th smallest element along `dim`, counted from 1. */
  kthvalue(k: number, dim = -1, { keepdim = false }: { keepdim?: boolean } = {}): Indexed {
    return indexed(kthvalue(this, k, dim, keepdim));
  }
  /** The lower median, of all elements or along `dim`. */
  median(): Tensor;
  median(dim: number, options?: { keepdim?: boolean }): Indexed;
  median(dim?: number, { keepdim = false }: { keepdim?: boolean } = {}): Tensor | Indexed {
    return dim === undefined ? medianAll(this) : indexed(medianDim(this, dim, keepdim));
  }
  /** The most frequent element along `dim`. */
  mode(dim = -1, { keepdim = false }: { keepdim?: boolean } = {}): Indexed {
    return indexed(mode(this, dim, keepdim));
  }
  /** @param q one quantile in [0, 1], or a tensor of them, which gives the result another first dimension */
  quantile(
    q: number | TensorCore,
    dim: number | null = null,
    { keepdim = false, interpolation = "linear" }: QuantileOptions = {},
  ): Tensor {
    return (q instanceof TensorCore ? quantiles : quantile)(this, q, dim, keepdim, interpolation);
  }
  cummax(dim: number): Indexed {
    return indexed(cummax(this, dim));
  }
  cummin(dim: number): Indexed {
    return indexed(cummin(this, dim));
  }
  /** Distinct elements, or slices along `dim`, in ascending order. */
  unique({ dim }: UniqueOptions = {}): Unique {
    return named(dim === undefined ? unique(this, true, true, true) : uniqueDim(this, dim, true, true, true));
  }
  /** As `unique`, but only neighbours that are equal become one. */
  uniqueConsecutive({ dim }: UniqueOptions = {}): Unique {
    return named(uniqueConsecutive(this, true, true, dim ?? null));
  }
  /** How often each of 0, 1, ... occurs in an integer tensor of one dimension. */
  bincount({ weights, minlength = 0 }: { weights?: TensorCore; minlength?: number } = {}): Tensor {
    return bincount(this, weights ?? null, minlength);
  }
  /** How many elements fall into each of `bins` equal bins between `min` and `max` (the tensor's own when equal). */
  histc(bins = 100, min = 0, max = 0): Tensor {
    return histc(this, bins, min, max);
  }
  /** The positions of elements that are not zero, int64 [count, ndim]. */
  nonzero(): Tensor {
    return nonzero(this);
  }
  /** Where `values` would have to be inserted into this sorted tensor (along its last dimension) to keep it sorted. */
  searchsorted(values: TensorCore, { right = false }: { readonly right?: boolean } = {}): Tensor {
    return searchsorted(this, values, false, right);
  }
  /** The index of the bucket between `boundaries` (sorted, one dimension) that each element falls into. */
  bucketize(boundaries: TensorCore, { right = false }: { readonly right?: boolean } = {}): Tensor {
    return bucketize(this, boundaries, false, right);
  }
  /** Whether each element occurs in `elements`. */
  isin(elements: TensorCore): Tensor {
    return isin(this, elements);
  }
}

export interface QuantileOptions {
  readonly keepdim?: boolean;
  readonly interpolation?: "linear" | "lower" | "higher" | "midpoint" | "nearest";
}

function named([values, inverse, counts]: [Tensor, Tensor, Tensor]): Unique {
  return { values, inverse, counts };
}
