import { bind } from "../ops/dispatch.ts";
import type { TensorCore } from "./core.ts";
import type { DType } from "./dtype.ts";
import { PointwiseTensor } from "./pointwise.ts";
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

const sumAll = bind("aten::sum");
const sumDims = bind("aten::sum.dim_IntList");
const meanAll = bind("aten::mean");
const meanDims = bind("aten::mean.dim");
const [prodAll, prodDim] = [bind("aten::prod"), bind("aten::prod.dim_int")];
const varDims = bind("aten::var.correction");
const stdDims = bind("aten::std.correction");
const [maxAll, maxDim] = [bind("aten::max"), bind<[Tensor, Tensor]>("aten::max.dim")];
const [minAll, minDim] = [bind("aten::min"), bind<[Tensor, Tensor]>("aten::min.dim")];
const [amax, amin] = [bind("aten::amax"), bind("aten::amin")];
const [argmax, argmin] = [bind("aten::argmax"), bind("aten::argmin")];
const [anyAll, anyDim] = [bind("aten::any"), bind("aten::any.dim")];
const [allAll, allDim] = [bind("aten::all"), bind("aten::all.dim")];
const [cumsum, cumprod, logsumexp] = [bind("aten::cumsum"), bind("aten::cumprod"), bind("aten::logsumexp")];
const [normAll, normDims] = [bind("aten::norm.Scalar"), bind("aten::norm.ScalarOpt_dim")];
const softmax = bind("aten::softmax.int");
const logSoftmax = bind("aten::log_softmax.int");
const sort = bind<[Tensor, Tensor]>("aten::sort");
const argsort = bind("aten::argsort");
const topk = bind<[Tensor, Tensor]>("aten::topk");
const [matmul, mm, bmm, dot] = [bind("aten::matmul"), bind("aten::mm"), bind("aten::bmm"), bind("aten::dot")];
const [bincount, nonzero] = [bind("aten::bincount"), bind("aten::nonzero")];
const [median, equal] = [bind("aten::median"), bind<boolean>("aten::equal")];
const allclose = bind<boolean>("aten::allclose");

/** Values with the positions they come from. */
export interface Indexed {
  readonly values: Tensor;
  /** int64 */
  readonly indices: Tensor;
}

/** Reductions, sorting and matrix products. */
export class ReduceTensor extends PointwiseTensor {
  sum(dim?: Dims | null, { keepdim = false, dtype }: Reduction = {}): Tensor {
    return dim === undefined || dim === null ? sumAll(this, dtype) : sumDims(this, list(dim), keepdim, dtype);
  }
  mean(dim?: Dims | null, { keepdim = false, dtype }: Reduction = {}): Tensor {
    return dim === undefined || dim === null ? meanAll(this, dtype) : meanDims(this, list(dim), keepdim, dtype);
  }
  prod(dim?: number, { keepdim = false, dtype }: Reduction = {}): Tensor {
    return dim === undefined ? prodAll(this, dtype) : prodDim(this, dim, keepdim, dtype);
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
  median(): Tensor {
    return median(this);
  }
  /** int64 positions; of the flattened tensor when `dim` is left out. */
  argmax(dim?: number | null, { keepdim = false }: { keepdim?: boolean } = {}): Tensor {
    return argmax(this, dim ?? null, keepdim);
  }
  argmin(dim?: number | null, { keepdim = false }: { keepdim?: boolean } = {}): Tensor {
    return argmin(this, dim ?? null, keepdim);
  }
  any(dim?: number, { keepdim = false }: { keepdim?: boolean } = {}): Tensor {
    return dim === undefined ? anyAll(this) : anyDim(this, dim, keepdim);
  }
  all(dim?: number, { keepdim = false }: { keepdim?: boolean } = {}): Tensor {
    return dim === undefined ? allAll(this) : allDim(this, dim, keepdim);
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
    return dim === undefined ? normAll(this, p) : normDims(this, p, list(dim), keepdim);
  }
  softmax(dim: number, { dtype }: { dtype?: DType } = {}): Tensor {
    return softmax(this, dim, dtype);
  }
  logSoftmax(dim: number, { dtype }: { dtype?: DType } = {}): Tensor {
    return logSoftmax(this, dim, dtype);
  }
  sort(dim = -1, { descending = false }: { descending?: boolean } = {}): Indexed {
    return indexed(sort(this, dim, descending));
  }
  argsort(dim = -1, { descending = false }: { descending?: boolean } = {}): Tensor {
    return argsort(this, dim, descending);
  }
  topk(k: number, dim = -1, { largest = true, sorted = true }: { largest?: boolean; sorted?: boolean } = {}): Indexed {
    return indexed(topk(this, k, dim, largest, sorted));
  }
  /** The matrix product, batched over leading dimensions; vectors as in PyTorch. */
  matmul(other: TensorCore): Tensor {
    return matmul(this, other);
  }
  mm(other: TensorCore): Tensor {
    return mm(this, other);
  }
  bmm(other: TensorCore): Tensor {
    return bmm(this, other);
  }
  dot(other: TensorCore): Tensor {
    return dot(this, other);
  }
  /** How often each of 0, 1, ... occurs in an integer tensor of one dimension. */
  bincount({ weights, minlength = 0 }: { weights?: TensorCore; minlength?: number } = {}): Tensor {
    return bincount(this, weights ?? null, minlength);
  }
  /** The positions of elements that are not zero, int64 [count, ndim]. */
  nonzero(): Tensor {
    return nonzero(this);
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

export interface Closeness {
  readonly rtol?: number;
  readonly atol?: number;
  readonly equalNan?: boolean;
}

function indexed([values, indices]: [Tensor, Tensor]): Indexed {
  return { values, indices };
}
