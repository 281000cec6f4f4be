import { bind } from "../ops/dispatch.ts";
import { TensorCore } from "./core.ts";
import type { Tensor } from "./tensor.ts";

const abs = bind("aten::abs");
const acos = bind("aten::acos");
const asin = bind("aten::asin");
const atan = bind("aten::atan");
const cosh = bind("aten::cosh");
const sinh = bind("aten::sinh");
const exp2 = bind("aten::exp2");
const erfinv = bind("aten::erfinv");
const frac = bind("aten::frac");
const nanToNum = bind("aten::nan_to_num");
const neg_ = bind("aten::neg_");
const exp_ = bind("aten::exp_");
const log_ = bind("aten::log_");
const abs_ = bind("aten::abs_");
const sigmoid_ = bind("aten::sigmoid_");
const tanh_ = bind("aten::tanh_");
const floor_ = bind("aten::floor_");
const round_ = bind("aten::round_");
const reciprocal_ = bind("aten::reciprocal_");
const rsqrt_ = bind("aten::rsqrt_");

const bitwiseNot = bind("aten::bitwise_not");
const ceil = bind("aten::ceil");
const cos = bind("aten::cos");
const erf = bind("aten::erf");
const exp = bind("aten::exp");
const expm1 = bind("aten::expm1");
const floor = bind("aten::floor");
const isfinite = bind("aten::isfinite");
const isinf = bind("aten::isinf");
const isnan = bind("aten::isnan");
const log = bind("aten::log");
const log10 = bind("aten::log10");
const log1p = bind("aten::log1p");
const log2 = bind("aten::log2");
const logicalNot = bind("aten::logical_not");
const neg = bind("aten::neg");
const reciprocal = bind("aten::reciprocal");
const relu = bind("aten::relu");
const relu_ = bind("aten::relu_");
const round = bind("aten::round");
const rsqrt = bind("aten::rsqrt");
const sigmoid = bind("aten::sigmoid");
const sign = bind("aten::sign");
const silu = bind("aten::silu");
const sin = bind("aten::sin");
const sqrt = bind("aten::sqrt");
const sqrt_ = bind("aten::sqrt_");
const square = bind("aten::square");
const tan = bind("aten::tan");
const tanh = bind("aten::tanh");
const trunc = bind("aten::trunc");
const zero_ = bind("aten::zero_");

/** Element-wise functions of one tensor; names ending in `_` work in place. */
export class UnaryTensor extends TensorCore {
  neg(): Tensor {
    return neg(this);
  }
  exp(): Tensor {
    return exp(this);
  }
  log(): Tensor {
    return log(this);
  }
  log2(): Tensor {
    return log2(this);
  }
  log10(): Tensor {
    return log10(this);
  }
  log1p(): Tensor {
    return log1p(this);
  }
  expm1(): Tensor {
    return expm1(this);
  }
  sqrt(): Tensor {
    return sqrt(this);
  }
  rsqrt(): Tensor {
    return rsqrt(this);
  }
  square(): Tensor {
    return square(this);
  }
  abs(): Tensor {
    return abs(this);
  }
  sign(): Tensor {
    return sign(this);
  }
  sin(): Tensor {
    return sin(this);
  }
  cos(): Tensor {
    return cos(this);
  }
  tan(): Tensor {
    return tan(this);
  }
  acos(): Tensor {
    return acos(this);
  }
  asin(): Tensor {
    return asin(this);
  }
  atan(): Tensor {
    return atan(this);
  }
  cosh(): Tensor {
    return cosh(this);
  }
  sinh(): Tensor {
    return sinh(this);
  }
  exp2(): Tensor {
    return exp2(this);
  }
  erfinv(): Tensor {
    return erfinv(this);
  }
  frac(): Tensor {
    return frac(this);
  }
  tanh(): Tensor {
    return tanh(this);
  }
  sigmoid(): Tensor {
    return sigmoid(this);
  }
  erf(): Tensor {
    return erf(this);
  }
  floor(): Tensor {
    return floor(this);
  }
  ceil(): Tensor {
    return ceil(this);
  }
  /** Half to even, as PyTorch does. */
  round(): Tensor {
    return round(this);
  }
  trunc(): Tensor {
    return trunc(this);
  }
  reciprocal(): Tensor {
    return reciprocal(this);
  }
  relu(): Tensor {
    return relu(this);
  }
  relu_(): this {
    return relu_(this) as unknown as this;
  }
  silu(): Tensor {
    return silu(this);
  }
  logicalNot(): Tensor {
    return logicalNot(this);
  }
  bitwiseNot(): Tensor {
    return bitwiseNot(this);
  }
  /** NaN becomes `nan`, infinities `posinf` and `neginf`: the largest and smallest finite numbers when left out. */
  nanToNum(nan = 0, posinf: number | null = null, neginf: number | null = null): Tensor {
    return nanToNum(this, nan, posinf, neginf);
  }
  isnan(): Tensor {
    return isnan(this);
  }
  isinf(): Tensor {
    return isinf(this);
  }
  isfinite(): Tensor {
    return isfinite(this);
  }
  sqrt_(): this {
    return sqrt_(this) as unknown as this;
  }
  neg_(): this {
    return neg_(this) as unknown as this;
  }
  exp_(): this {
    return exp_(this) as unknown as this;
  }
  log_(): this {
    return log_(this) as unknown as this;
  }
  abs_(): this {
    return abs_(this) as unknown as this;
  }
  sigmoid_(): this {
    return sigmoid_(this) as unknown as this;
  }
  tanh_(): this {
    return tanh_(this) as unknown as this;
  }
  floor_(): this {
    return floor_(this) as unknown as this;
  }
  round_(): this {
    return round_(this) as unknown as this;
  }
  reciprocal_(): this {
    return reciprocal_(this) as unknown as this;
  }
  rsqrt_(): this {
    return rsqrt_(this) as unknown as this;
  }
  zero_(): this {
    return zero_(this) as unknown as this;
  }
}
