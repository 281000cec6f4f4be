import { bind } from "../ops/dispatch.ts";
import { extreme, type Indexed, indexed, type Keepdim } from "./reduce.ts";
import { Tensor } from "./tensor.ts";

const sort = bind<[Tensor, Tensor]>("aten::sort");
const stableSort = bind<[Tensor, Tensor]>("aten::sort.stable");
const argsort = bind("aten::argsort");
const topk = bind<[Tensor, Tensor]>("aten::topk");
const kthvalue = bind<[Tensor, Tensor]>("aten::kthvalue");
const mode = bind<[Tensor, Tensor]>("aten::mode");
const [quantile, quantiles] = [bind("aten::quantile.scalar"), bind("aten::quantile")];
const [cummax, cummin] = [bind<[Tensor, Tensor]>("aten::cummax"), bind<[Tensor, Tensor]>("aten::cummin")];
const unique = bind<[Tensor, Tensor, Tensor]>("aten::_unique2");
const uniqueDim = bind<[Tensor, Tensor, Tensor]>("aten::unique_dim");
const uniqueConsecutive = bind<[Tensor, Tensor, Tensor]>("aten::unique_consecutive");
const [bincount, histc, nonzero] = [bind("aten::bincount"), bind("aten::histc"), bind("aten::nonzero")];
const [searchsorted, bucketize] = [bind("aten::searchsorted.Tensor"), bind("aten::bucketize.Tensor")];
const isin = bind("aten::isin.Tensor_Tensor");

interface Sorting {
  readonly descending?: boolean;
  /** Keeps the order of equal elements. */
  readonly stable?: boolean;
}

interface Top {
  readonly largest?: boolean;
  readonly sorted?: boolean;
}

export interface QuantileOptions extends Keepdim {
  readonly interpolation?: "linear" | "lower" | "higher" | "midpoint" | "nearest";
}

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

function named([values, inverse, counts]: [Tensor, Tensor, Tensor]): Unique {
  return { values, inverse, counts };
}

/** Sorting, order statistics, counting and searching. */
export const order = {
  sort(self: Tensor, dim = -1, options: Sorting = {}): Indexed {
    const { descending = false, stable } = options;
    return indexed(stable === undefined ? sort(self, dim, descending) : stableSort(self, stable, dim, descending));
  },
  argsort(self: Tensor, dim = -1, options: { readonly descending?: boolean } = {}): Tensor {
    return argsort(self, dim, options.descending ?? false);
  },
  topk(self: Tensor, k: number, dim = -1, options: Top = {}): Indexed {
    return indexed(topk(self, k, dim, options.largest ?? true, options.sorted ?? true));
  },
  /** The k-th smallest element along `dim`, counted from 1. */
  kthvalue(self: Tensor, k: number, dim = -1, options: Keepdim = {}): Indexed {
    return indexed(kthvalue(self, k, dim, options.keepdim ?? false));
  },
  median: extreme("median"),
  /** The most frequent element along `dim`. */
  mode(self: Tensor, dim = -1, options: Keepdim = {}): Indexed {
    return indexed(mode(self, dim, options.keepdim ?? false));
  },
  /** @param q one quantile in [0, 1], or a tensor of them, which gives the result another first dimension */
  quantile(self: Tensor, q: number | Tensor, dim: number | null = null, options: QuantileOptions = {}): Tensor {
    const { keepdim = false, interpolation = "linear" } = options;
    return (q instanceof Tensor ? quantiles : quantile)(self, q, dim, keepdim, interpolation);
  },
  cummax(self: Tensor, dim: number): Indexed {
    return indexed(cummax(self, dim));
  },
  cummin(self: Tensor, dim: number): Indexed {
    return indexed(cummin(self, dim));
  },
  /** Distinct elements, or slices along `dim`, in ascending order. */
  unique(self: Tensor, { dim }: UniqueOptions = {}): Unique {
    return named(dim === undefined ? unique(self, true, true, true) : uniqueDim(self, dim, true, true, true));
  },
  /** As `unique`, but only neighbors that are equal become one. */
  uniqueConsecutive(self: Tensor, options: UniqueOptions = {}): Unique {
    return named(uniqueConsecutive(self, true, true, options.dim ?? null));
  },
  /** How often each of 0, 1, ... occurs in an integer tensor of one dimension. */
  bincount(self: Tensor, options: { readonly weights?: Tensor; readonly minlength?: number } = {}): Tensor {
    return bincount(self, options.weights ?? null, options.minlength ?? 0);
  },
  /** How many elements fall into each of `bins` equal bins between `min` and `max` (the tensor's own when equal). */
  histc(self: Tensor, bins = 100, min = 0, max = 0): Tensor {
    return histc(self, bins, min, max);
  },
  /** The positions of elements that are not zero, int64 [count, ndim]. */
  nonzero(self: Tensor): Tensor {
    return nonzero(self);
  },
  /** Where `values` would have to be inserted into this sorted tensor (along its last dimension) to keep it sorted. */
  searchsorted(self: Tensor, values: Tensor, options: { readonly right?: boolean } = {}): Tensor {
    return searchsorted(self, values, false, options.right ?? false);
  },
  /** The index of the bucket between `boundaries` (sorted, one dimension) that each element falls into. */
  bucketize(self: Tensor, boundaries: Tensor, options: { readonly right?: boolean } = {}): Tensor {
    return bucketize(self, boundaries, false, options.right ?? false);
  },
  /** Whether each element occurs in `elements`. */
  isin(self: Tensor, elements: Tensor): Tensor {
    return isin(self, elements);
  },
};
