import { bind } from "../ops/dispatch.ts";
import type { Generator } from "../random.ts";
import { Tensor } from "./tensor.ts";

/** How far apart numbers may be and count as equal. */
export interface Closeness {
  readonly rtol?: number;
  readonly atol?: number;
  readonly equalNan?: boolean;
}

/** The other side of an element-wise operation: a tensor that broadcasts, or a number. */
export type Operand = Tensor | number | bigint | boolean;

interface Division {
  readonly roundingMode?: "trunc" | "floor";
}

interface Random {
  readonly generator?: Generator;
}

type Call = (...values: unknown[]) => Tensor;

/** The overloads for a tensor and for a number; the next arguments are the same. */
function eitherOf(tensorOverload: string, scalarOverload: string): (other: unknown) => Call {
  const [withTensor, withScalar] = [bind(tensorOverload), bind(scalarOverload)];
  return (other) => (other instanceof Tensor ? withTensor : withScalar);
}

function byOperand(name: string): (other: Operand) => Call {
  return eitherOf(`aten::${name}.Tensor`, `aten::${name}.Scalar`);
}

function binary(name: string): (self: Tensor, other: Operand) => Tensor {
  const choose = byOperand(name);
  return (self, other) => choose(other)(self, other);
}

function ofTensors(name: string): (self: Tensor, other: Tensor) => Tensor {
  const call = bind(`aten::${name}`);
  return (self, other) => call(self, other);
}

function sum(name: string): (self: Tensor, other: Operand, options?: { readonly alpha?: number }) => Tensor {
  const choose = byOperand(name);
  return (self, other, { alpha = 1 } = {}) => choose(other)(self, other, alpha);
}

function quotient(name: string): (self: Tensor, other: Operand, options?: Division) => Tensor {
  const exact = byOperand(name);
  const rounded = eitherOf(`aten::${name}.Tensor_mode`, `aten::${name}.Scalar_mode`);
  return (self, other, { roundingMode } = {}) =>
    roundingMode === undefined ? exact(other)(self, other) : rounded(other)(self, other, roundingMode);
}

function power(name: string, tensorOverload: string, scalarOverload: string) {
  const choose = eitherOf(`aten::${name}.${tensorOverload}`, `aten::${name}.${scalarOverload}`);
  return (self: Tensor, exponent: Operand): Tensor => choose(exponent)(self, exponent);
}

function lerp(name: string): (self: Tensor, end: Tensor, weight: number | Tensor) => Tensor {
  const choose = byOperand(name);
  return (self, end, weight) => choose(weight)(self, end, weight);
}

function scaledTerm(name: string) {
  const call = bind(`aten::${name}`);
  return (self: Tensor, a: Tensor, b: Tensor, { value = 1 }: { readonly value?: number } = {}): Tensor =>
    call(self, a, b, value);
}

const divide = quotient("div");
const maskedFill = byOperand("masked_fill");
const maskedFillScalar_ = bind("aten::masked_fill_.Scalar");
const fill_ = byOperand("fill_");
const rsub = bind("aten::rsub.Scalar");
const isclose = bind("aten::isclose");
const [clamp, clampTensor, clamp_] = [bind("aten::clamp"), bind("aten::clamp.Tensor"), bind("aten::clamp_")];
const copy_ = bind("aten::copy_");
const [uniform_, normal_, bernoulli_] = [bind("aten::uniform_"), bind("aten::normal_"), bind("aten::bernoulli_.float")];
const whereTensor = bind("aten::where.self");
const whereScalarOther = bind("aten::where.ScalarOther");
const whereScalarSelf = bind("aten::where.ScalarSelf");
const whereScalars = bind("aten::where.Scalar");

/** Element-wise operations of two operands. Shapes broadcast and dtypes promote as in PyTorch; names ending in `_` work in place. */
export const pointwise = {
  /** `this + alpha * other` */
  add: sum("add"),
  add_: sum("add_"),
  /** `this - alpha * other` */
  sub: sum("sub"),
  sub_: sum("sub_"),
  /** `other - this` */
  rsub(self: Tensor, other: number): Tensor {
    return rsub(self, other);
  },
  mul: binary("mul"),
  mul_: binary("mul_"),
  /** True division; `roundingMode` makes it an integer division. */
  div: divide,
  div_: quotient("div_"),
  /** Division rounded down, as Python's `//`. */
  floorDivide(self: Tensor, other: Operand): Tensor {
    return divide(self, other, { roundingMode: "floor" });
  },
  /** The remainder with the sign of the divisor, as Python's `%`. */
  remainder: binary("remainder"),
  remainder_: binary("remainder_"),
  /** The remainder with the sign of the dividend, as JavaScript's `%`. */
  fmod: binary("fmod"),
  pow: power("pow", "Tensor_Tensor", "Tensor_Scalar"),
  pow_: power("pow_", "Tensor", "Scalar"),
  maximum: ofTensors("maximum"),
  minimum: ofTensors("minimum"),
  atan2: ofTensors("atan2"),
  /** `this + weight * (end - this)` */
  lerp: lerp("lerp"),
  lerp_: lerp("lerp_"),
  /** `this + value * a * b` */
  addcmul: scaledTerm("addcmul"),
  addcmul_: scaledTerm("addcmul_"),
  /** `this + value * a / b` */
  addcdiv: scaledTerm("addcdiv"),
  addcdiv_: scaledTerm("addcdiv_"),

  /** Whether each element is within `atol + rtol * |other|` of the other. */
  isclose(self: Tensor, other: Tensor, options: Closeness = {}): Tensor {
    const { rtol = 1e-5, atol = 1e-8, equalNan = false } = options;
    return isclose(self, other, rtol, atol, equalNan);
  },
  eq: binary("eq"),
  ne: binary("ne"),
  lt: binary("lt"),
  le: binary("le"),
  gt: binary("gt"),
  ge: binary("ge"),
  logicalAnd: ofTensors("logical_and"),
  logicalOr: ofTensors("logical_or"),
  logicalXor: ofTensors("logical_xor"),
  bitwiseAnd: binary("bitwise_and"),
  bitwiseOr: binary("bitwise_or"),
  bitwiseXor: binary("bitwise_xor"),

  /** Elements of `this` where `condition` (bool) holds, else of `other`. */
  where(self: Tensor, condition: Tensor, other: Operand): Tensor {
    return where(condition, self, other);
  },
  /** A copy with `value` where `mask` (bool) holds. */
  maskedFill(self: Tensor, mask: Tensor, value: number | Tensor): Tensor {
    return maskedFill(value)(self, mask, value);
  },
  maskedFill_(self: Tensor, mask: Tensor, value: number): Tensor {
    return maskedFillScalar_(self, mask, value);
  },
  /** Limits each element to [min, max]; either may be left out. */
  clamp(self: Tensor, min?: number | Tensor | null, max?: number | Tensor | null): Tensor {
    const byTensor = min instanceof Tensor || max instanceof Tensor;
    return (byTensor ? clampTensor : clamp)(self, min ?? null, max ?? null);
  },
  clamp_(self: Tensor, min?: number | null, max?: number | null): Tensor {
    return clamp_(self, min ?? null, max ?? null);
  },

  fill_(self: Tensor, value: Operand): Tensor {
    return fill_(value)(self, value);
  },
  /** Overwrites the elements with those of `source`, converting dtype and device; shapes broadcast. */
  copy_(self: Tensor, source: Tensor, options: { readonly nonBlocking?: boolean } = {}): Tensor {
    return copy_(self, source, options.nonBlocking ?? false);
  },
  uniform_(self: Tensor, from = 0, to = 1, options: Random = {}): Tensor {
    return uniform_(self, from, to, options.generator);
  },
  normal_(self: Tensor, mean = 0, std = 1, options: Random = {}): Tensor {
    return normal_(self, mean, std, options.generator);
  },
  bernoulli_(self: Tensor, p = 0.5, options: Random = {}): Tensor {
    return bernoulli_(self, p, options.generator);
  },
};

/** Elements of `a` where `condition` (bool) holds, else of `b`; all broadcast. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  const tensorA = a instanceof Tensor;
  const tensorB = b instanceof Tensor;
  if (tensorA) return (tensorB ? whereTensor : whereScalarOther)(condition, a, b);
  return (tensorB ? whereScalarSelf : whereScalars)(condition, a, b);
}
