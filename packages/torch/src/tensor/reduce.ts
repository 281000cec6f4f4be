import { bind } from "../ops/dispatch.ts";
import type { TensorCore } from "./core.ts";
import type { DType } from "./dtype.ts";
import { type Closeness, PointwiseTensor } from "./pointwise.ts";
import type { Tensor } from "./tensor.ts";

/** One dimension, several, or all of them when left out. Negative ones count from the end. */
export type Dims = number | readonly number[];

export interface Reduction {
  readonly keepdim?: boolean;
  readonly dtype?: DType;
}

function list(dim: Dims): readonly number[] {
  return typeof dim === "number" ? [dim] : dim;
}

/** The result of a reduction over all elements, with all dimensions of size 1 where they are kept. */
function overAll(result: Tensor, { ndim }: TensorCore, keepdim: boolean): Tensor {
  return keepdim ? result.reshape(new Array<number>(ndim).fill(1)) : result;
}

const sumAll = bind("aten::sum");
const sumDims = bind("aten::sum.dim_IntList");
const meanAll = bind("aten::mean");
const meanDims = bind("aten::mean.dim");
const [prodAll, prodDim] = [bind("aten::prod"), bind("aten::prod.dim_int")];
const varDims = bind("aten::var.correction");
const stdDims = bind("aten::std.correction");
const [maxAll, maxDim] = [bind("aten::max"), bind<[Tensor, Tensor]>("aten::max.dim")];
const [minAll, minDim] = [bind("aten::min"), bind<[Tensor, Tensor]>("aten::min.dim")];
const aminmax = bind<[Tensor, Tensor]>("aten::aminmax");
const [amax, amin] = [bind("aten::amax"), bind("aten::amin")];
const [argmax, argmin] = [bind("aten::argmax"), bind("aten::argmin")];
const [anyAll, anyDim] = [bind("aten::any"), bind("aten::any.dim")];
const [allAll, allDim] = [bind("aten::all"), bind("aten::all.dim")];
const [nansum, nanmean, countNonzero] = [
  bind("aten::nansum"),
  bind("aten::nanmean"),
  bind("aten::count_nonzero.dim_IntList"),
];
const diff = bind("aten::diff");
const [cumsum, cumprod, logsumexp] = [bind("aten::cumsum"), bind("aten::cumprod"), bind("aten::logsumexp")];
const [normAll, normDims] = [bind("aten::norm.Scalar"), bind("aten::norm.ScalarOpt_dim")];
const softmax = bind("aten::softmax.int");
const logSoftmax = bind("aten::log_softmax.int");
const equal = bind<boolean>("aten::equal");
const allclose = bind<boolean>("aten::allclose");

/** Values with the positions they come from. */
export interface Indexed {
  readonly values: Tensor;
  /** int64 */
  readonly indices: Tensor;
}

/** Reductions. */
export class ReduceTensor extends PointwiseTensor {
  sum(dim?: Dims | null, { keepdim = false, dtype }: Reduction = {}): Tensor {
    return dim === undefined || dim === null
      ? overAll(sumAll(this, dtype), this, keepdim)
      : sumDims(this, list(dim), keepdim, dtype);
  }
  mean(dim?: Dims | null, { keepdim = false, dtype }: Reduction = {}): Tensor {
    return dim === undefined || dim === null
      ? overAll(meanAll(this, dtype), this, keepdim)
      : meanDims(this, list(dim), keepdim, dtype);
  }
  prod(dim?: number, { keepdim = false, dtype }: Reduction = {}): Tensor {
    return dim === undefined ? overAll(prodAll(this, dtype), this, keepdim) : prodDim(this, dim, keepdim, dtype);
  }
  /** The variance, with Bessel's correction unless `correction` is 0. */
  var(dim?: Dims | null, { keepdim = false, correction = 1 }: { keepdim?: boolean; correction?: number } = {}): Tensor {
    return varDims(this, dim === undefined || dim === null ? null : list(dim), correction, keepdim);
  }
  std(dim?: Dims | null, { keepdim = false, correction = 1 }: { keepdim?: boolean; correction?: number } = {}): Tensor {
    return stdDims(this, dim === undefined || dim === null ? null : list(dim), correction, keepdim);
  }
  /** The largest element, or the largest along `dim` with their positions. */
  max(): Tensor;
  max(dim: number, options?: { keepdim?: boolean }): Indexed;
  max(dim?: number, { keepdim = false }: { keepdim?: boolean } = {}): Tensor | Indexed {
    return dim === undefined ? maxAll(this) : indexed(maxDim(this, dim, keepdim));
  }
  min(): Tensor;
  min(dim: number, options?: { keepdim?: boolean }): Indexed;
  min(dim?: number, { keepdim = false }: { keepdim?: boolean } = {}): Tensor | Indexed {
    return dim === undefined ? minAll(this) : indexed(minDim(this, dim, keepdim));
  }
  amax(dim: Dims = [], { keepdim = false }: { keepdim?: boolean } = {}): Tensor {
    return amax(this, list(dim), keepdim);
  }
  amin(dim: Dims = [], { keepdim = false }: { keepdim?: boolean } = {}): Tensor {
    return amin(this, list(dim), keepdim);
  }
  /** The smallest and the largest element, of all or along `dim`. */
  aminmax({ dim, keepdim = false }: { dim?: number; keepdim?: boolean } = {}): { min: Tensor; max: Tensor } {
    const [min, max] = aminmax(this, dim ?? null, keepdim);
    return { min, max };
  }
  /** As `sum` and `mean`, with NaN left out. */
  nansum(dim?: Dims | null, { keepdim = false, dtype }: Reduction = {}): Tensor {
    return nansum(this, dim === undefined || dim === null ? null : list(dim), keepdim, dtype);
  }
  nanmean(dim?: Dims | null, { keepdim = false, dtype }: Reduction = {}): Tensor {
    return nanmean(this, dim === undefined || dim === null ? null : list(dim), keepdim, dtype);
  }
  /** How many elements are not zero, int64. */
  countNonzero(dim: Dims = []): Tensor {
    return countNonzero(this, list(dim));
  }
  /** The differences of neighbours along `dim`, taken `n` times. */
  diff(n = 1, dim = -1): Tensor {
    return diff(this, n, dim);
  }
  /** int64 positions; of the flattened tensor when `dim` is left out. */
  argmax(dim?: number | null, { keepdim = false }: { keepdim?: boolean } = {}): Tensor {
    return argmax(this, dim ?? null, keepdim);
  }
  argmin(dim?: number | null, { keepdim = false }: { keepdim?: boolean } = {}): Tensor {
    return argmin(this, dim ?? null, keepdim);
  }
  any(dim?: number, { keepdim = false }: { keepdim?: boolean } = {}): Tensor {
    return dim === undefined ? overAll(anyAll(this), this, keepdim) : anyDim(this, dim, keepdim);
  }
  all(dim?: number, { keepdim = false }: { keepdim?: boolean } = {}): Tensor {
    return dim === undefined ? overAll(allAll(this), this, keepdim) : allDim(this, dim, keepdim);
  }
  cumsum(dim: number, { dtype }: { dtype?: DType } = {}): Tensor {
    return cumsum(this, dim, dtype);
  }
  cumprod(dim: number, { dtype }: { dtype?: DType } = {}): Tensor {
    return cumprod(this, dim, dtype);
  }
  logsumexp(dim: Dims, { keepdim = false }: { keepdim?: boolean } = {}): Tensor {
    return logsumexp(this, list(dim), keepdim);
  }
  /** The p-norm, of all elements or along dimensions. */
  norm(p = 2, dim?: Dims, { keepdim = false }: { keepdim?: boolean } = {}): Tensor {
    return dim === undefined ? overAll(normAll(this, p), this, keepdim) : normDims(this, p, list(dim), keepdim);
  }
  softmax(dim: number, { dtype }: { dtype?: DType } = {}): Tensor {
    return softmax(this, dim, dtype);
  }
  logSoftmax(dim: number, { dtype }: { dtype?: DType } = {}): Tensor {
    return logSoftmax(this, dim, dtype);
  }
  /** True when shapes and all elements agree. */
  equal(other: TensorCore): boolean {
    return equal(this, other);
  }
  /** True when all elements agree within `atol + rtol * |other|`. */
  allclose(other: TensorCore, { rtol = 1e-5, atol = 1e-8, equalNan = false }: Closeness = {}): boolean {
    return allclose(this, other, rtol, atol, equalNan);
  }
}

export function indexed([values, indices]: [Tensor, Tensor]): Indexed {
  return { values, indices };
}
