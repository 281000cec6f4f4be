import { bind } from "../ops/dispatch.ts";
import type { DType } from "./dtype.ts";
import type { Closeness } from "./pointwise.ts";
import type { Tensor } from "./tensor.ts";

/** One dimension, several, or all of them when left out. Negative ones count from the end. */
export type Dims = number | readonly number[];

export interface Keepdim {
  /** Keeps the reduced dimensions, with size 1. */
  readonly keepdim?: boolean;
}

export interface Reduction extends Keepdim {
  /** The dtype to compute in. */
  readonly dtype?: DType;
}

interface Deviation extends Keepdim {
  readonly correction?: number;
}

/** Values with the positions they come from. */
export interface Indexed {
  readonly values: Tensor;
  /** int64 */
  readonly indices: Tensor;
}

export function indexed([values, indices]: [Tensor, Tensor]): Indexed {
  return { values, indices };
}

function list(dim: Dims): readonly number[] {
  return typeof dim === "number" ? [dim] : dim;
}

function listOrAll(dim: Dims | null | undefined): readonly number[] | null {
  return dim === undefined || dim === null ? null : list(dim);
}

/** The result of a reduction over all elements, with all dimensions of size 1 where they are kept. */
function overAll(result: Tensor, { ndim }: Tensor, keepdim: boolean): Tensor {
  return keepdim ? result.reshape(new Array<number>(ndim).fill(1)) : result;
}

/** `sum` and `mean`. */
function sumLike(ofAll: string, ofDims: string): (self: Tensor, dim?: Dims | null, options?: Reduction) => Tensor {
  const [all, dims] = [bind(ofAll), bind(ofDims)];
  return (self, dim, { keepdim = false, dtype } = {}) =>
    dim === undefined || dim === null
      ? overAll(all(self, dtype), self, keepdim)
      : dims(self, list(dim), keepdim, dtype);
}

function ignoringNaN(name: string): (self: Tensor, dim?: Dims | null, options?: Reduction) => Tensor {
  const call = bind(`aten::${name}`);
  return (self, dim, { keepdim = false, dtype } = {}) => call(self, listOrAll(dim), keepdim, dtype);
}

function deviation(name: string): (self: Tensor, dim?: Dims | null, options?: Deviation) => Tensor {
  const call = bind(`aten::${name}.correction`);
  return (self, dim, { keepdim = false, correction = 1 } = {}) => call(self, listOrAll(dim), correction, keepdim);
}

/** `max`, `min`, `median`: the element, or with `dim` the elements and their positions. */
export function extreme(name: string): (self: Tensor, dim?: number, options?: Keepdim) => Tensor | Indexed {
  const [all, along] = [bind(`aten::${name}`), bind<[Tensor, Tensor]>(`aten::${name}.dim`)];
  return (self, dim, { keepdim = false } = {}) => (dim === undefined ? all(self) : indexed(along(self, dim, keepdim)));
}

function alongDims(name: string): (self: Tensor, dim?: Dims, options?: Keepdim) => Tensor {
  const call = bind(`aten::${name}`);
  return (self, dim = [], { keepdim = false } = {}) => call(self, list(dim), keepdim);
}

function position(name: string): (self: Tensor, dim?: number | null, options?: Keepdim) => Tensor {
  const call = bind(`aten::${name}`);
  return (self, dim, { keepdim = false } = {}) => call(self, dim ?? null, keepdim);
}

function logical(name: string): (self: Tensor, dim?: number, options?: Keepdim) => Tensor {
  const [all, along] = [bind(`aten::${name}`), bind(`aten::${name}.dim`)];
  return (self, dim, { keepdim = false } = {}) =>
    dim === undefined ? overAll(all(self), self, keepdim) : along(self, dim, keepdim);
}

function alongDim(name: string): (self: Tensor, dim: number, options?: { readonly dtype?: DType }) => Tensor {
  const call = bind(`aten::${name}`);
  return (self, dim, { dtype } = {}) => call(self, dim, dtype);
}

const [prodAll, prodDim] = [bind("aten::prod"), bind("aten::prod.dim_int")];
const aminmax = bind<[Tensor, Tensor]>("aten::aminmax");
const countNonzero = bind("aten::count_nonzero.dim_IntList");
const [diff, logsumexp] = [bind("aten::diff"), bind("aten::logsumexp")];
const [normAll, normDims] = [bind("aten::norm.Scalar"), bind("aten::norm.ScalarOpt_dim")];
const [equal, allclose] = [bind<boolean>("aten::equal"), bind<boolean>("aten::allclose")];

/** Reductions. */
export const reduce = {
  sum: sumLike("aten::sum", "aten::sum.dim_IntList"),
  mean: sumLike("aten::mean", "aten::mean.dim"),
  prod(self: Tensor, dim?: number, options: Reduction = {}): Tensor {
    const { keepdim = false, dtype } = options;
    return dim === undefined ? overAll(prodAll(self, dtype), self, keepdim) : prodDim(self, dim, keepdim, dtype);
  },
  /** The variance, with Bessel's correction unless `correction` is 0. */
  var: deviation("var"),
  std: deviation("std"),
  max: extreme("max"),
  min: extreme("min"),
  amax: alongDims("amax"),
  amin: alongDims("amin"),
  /** The smallest and the largest element, of all or along `dim`. */
  aminmax(self: Tensor, options: Keepdim & { readonly dim?: number } = {}): { min: Tensor; max: Tensor } {
    const [min, max] = aminmax(self, options.dim ?? null, options.keepdim ?? false);
    return { min, max };
  },
  /** As `sum`, with NaN left out. */
  nansum: ignoringNaN("nansum"),
  /** As `mean`, with NaN left out. */
  nanmean: ignoringNaN("nanmean"),
  /** How many elements are not zero, int64. */
  countNonzero(self: Tensor, dim: Dims = []): Tensor {
    return countNonzero(self, list(dim));
  },
  /** The differences of neighbors along `dim`, taken `n` times. */
  diff(self: Tensor, n = 1, dim = -1): Tensor {
    return diff(self, n, dim);
  },
  /** int64 positions; of the flattened tensor when `dim` is left out. */
  argmax: position("argmax"),
  /** int64 positions; of the flattened tensor when `dim` is left out. */
  argmin: position("argmin"),
  any: logical("any"),
  all: logical("all"),
  cumsum: alongDim("cumsum"),
  cumprod: alongDim("cumprod"),
  softmax: alongDim("softmax.int"),
  logSoftmax: alongDim("log_softmax.int"),
  logsumexp(self: Tensor, dim: Dims, options: Keepdim = {}): Tensor {
    return logsumexp(self, list(dim), options.keepdim ?? false);
  },
  /** The p-norm, of all elements or along dimensions. */
  norm(self: Tensor, p = 2, dim?: Dims, options: Keepdim = {}): Tensor {
    const { keepdim = false } = options;
    return dim === undefined ? overAll(normAll(self, p), self, keepdim) : normDims(self, p, list(dim), keepdim);
  },
  /** True when shapes and all elements agree. */
  equal(self: Tensor, other: Tensor): boolean {
    return equal(self, other);
  },
  /** True when all elements agree within `atol + rtol * |other|`. */
  allclose(self: Tensor, other: Tensor, options: Closeness = {}): boolean {
    const { rtol = 1e-5, atol = 1e-8, equalNan = false } = options;
    return allclose(self, other, rtol, atol, equalNan);
  },
};
