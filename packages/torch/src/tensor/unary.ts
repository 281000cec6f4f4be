import { bind } from "../ops/dispatch.ts";
import { TensorCore } from "./core.ts";
import type { Tensor } from "./tensor.ts";

const abs = bind("aten::abs");
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
  zero_(): this {
    return zero_(this) as unknown as this;
  }
}
