import { bind } from "../ops/dispatch.ts";
import type { Tensor } from "./tensor.ts";

function operator(name: string): (self: Tensor) => Tensor {
  const call = bind(`aten::${name}`);
  return (self) => call(self);
}

const nanToNum = bind("aten::nan_to_num");

/** Element-wise functions of one tensor; names ending in `_` work in place. */
export const unary = {
  neg: operator("neg"),
  exp: operator("exp"),
  exp2: operator("exp2"),
  expm1: operator("expm1"),
  log: operator("log"),
  log2: operator("log2"),
  log10: operator("log10"),
  log1p: operator("log1p"),
  sqrt: operator("sqrt"),
  rsqrt: operator("rsqrt"),
  square: operator("square"),
  reciprocal: operator("reciprocal"),
  abs: operator("abs"),
  sign: operator("sign"),
  sin: operator("sin"),
  cos: operator("cos"),
  tan: operator("tan"),
  acos: operator("acos"),
  asin: operator("asin"),
  atan: operator("atan"),
  cosh: operator("cosh"),
  sinh: operator("sinh"),
  tanh: operator("tanh"),
  sigmoid: operator("sigmoid"),
  relu: operator("relu"),
  silu: operator("silu"),
  erf: operator("erf"),
  erfinv: operator("erfinv"),
  floor: operator("floor"),
  ceil: operator("ceil"),
  /** Half to even, as PyTorch does. */
  round: operator("round"),
  trunc: operator("trunc"),
  frac: operator("frac"),
  logicalNot: operator("logical_not"),
  bitwiseNot: operator("bitwise_not"),
  isnan: operator("isnan"),
  isinf: operator("isinf"),
  isfinite: operator("isfinite"),
  /** NaN becomes `nan`, infinities `posinf` and `neginf`: the largest and smallest finite numbers when left out. */
  nanToNum(self: Tensor, nan = 0, posinf: number | null = null, neginf: number | null = null): Tensor {
    return nanToNum(self, nan, posinf, neginf);
  },

  neg_: operator("neg_"),
  exp_: operator("exp_"),
  log_: operator("log_"),
  sqrt_: operator("sqrt_"),
  rsqrt_: operator("rsqrt_"),
  reciprocal_: operator("reciprocal_"),
  abs_: operator("abs_"),
  tanh_: operator("tanh_"),
  sigmoid_: operator("sigmoid_"),
  relu_: operator("relu_"),
  floor_: operator("floor_"),
  round_: operator("round_"),
  zero_: operator("zero_"),
};
