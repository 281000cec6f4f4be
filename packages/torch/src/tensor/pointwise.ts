import { bind } from "../ops/dispatch.ts";
import type { Generator } from "../random.ts";
import { TensorCore } from "./core.ts";
import type { Tensor } from "./tensor.ts";
import { UnaryTensor } from "./unary.ts";

/** How far apart numbers may be and count as equal. */
export interface Closeness {
  readonly rtol?: number;
  readonly atol?: number;
  readonly equalNan?: boolean;
}

/** The other side of an element-wise operation: a tensor that broadcasts, or a number. */
export type Operand = TensorCore | number | bigint | boolean;

function binary(name: string): (a: TensorCore, b: Operand) => Tensor {
  const withTensor = bind(`aten::${name}.Tensor`);
  const withScalar = bind(`aten::${name}.Scalar`);
  return (a, b) => (b instanceof TensorCore ? withTensor(a, b) : withScalar(a, b));
}

const add = bind("aten::add.Tensor");
const addScalar = bind("aten::add.Scalar");
const add_ = bind("aten::add_.Tensor");
const addScalar_ = bind("aten::add_.Scalar");
const sub = bind("aten::sub.Tensor");
const subScalar = bind("aten::sub.Scalar");
const sub_ = bind("aten::sub_.Tensor");
const subScalar_ = bind("aten::sub_.Scalar");
const rsub = bind("aten::rsub.Scalar");
const divMode = bind("aten::div.Tensor_mode");
const divModeScalar = bind("aten::div.Scalar_mode");
const divMode_ = bind("aten::div_.Tensor_mode");
const divModeScalar_ = bind("aten::div_.Scalar_mode");
const powTensor = bind("aten::pow.Tensor_Tensor");
const powScalar = bind("aten::pow.Tensor_Scalar");
const powScalar_ = bind("aten::pow_.Scalar");
const powTensor_ = bind("aten::pow_.Tensor");
const mul = binary("mul");
const mul_ = binary("mul_");
const div = binary("div");
const div_ = binary("div_");
const remainder = binary("remainder");
const remainder_ = binary("remainder_");
const fmod = binary("fmod");
const eq = binary("eq");
const ne = binary("ne");
const lt = binary("lt");
const le = binary("le");
const gt = binary("gt");
const ge = binary("ge");
const bitwiseAnd = binary("bitwise_and");
const bitwiseOr = binary("bitwise_or");
const bitwiseXor = binary("bitwise_xor");
const lerpScalar = bind("aten::lerp.Scalar");
const lerpTensor = bind("aten::lerp.Tensor");
const lerpScalar_ = bind("aten::lerp_.Scalar");
const lerpTensor_ = bind("aten::lerp_.Tensor");
const fillScalar_ = bind("aten::fill_.Scalar");
const fillTensor_ = bind("aten::fill_.Tensor");
const clamp = bind("aten::clamp");
const clampTensor = bind("aten::clamp.Tensor");
const clamp_ = bind("aten::clamp_");
const maximum = bind("aten::maximum");
const minimum = bind("aten::minimum");
const atan2 = bind("aten::atan2");
const isclose = bind("aten::isclose");
const copy_ = bind("aten::copy_");
const [addcmul, addcdiv] = [bind("aten::addcmul"), bind("aten::addcdiv")];
const [addcmul_, addcdiv_] = [bind("aten::addcmul_"), bind("aten::addcdiv_")];
const [logicalAnd, logicalOr, logicalXor] = [
  bind("aten::logical_and"),
  bind("aten::logical_or"),
  bind("aten::logical_xor"),
];
const whereTensor = bind("aten::where.self");
const whereScalarOther = bind("aten::where.ScalarOther");
const whereScalarSelf = bind("aten::where.ScalarSelf");
const whereScalars = bind("aten::where.Scalar");
const [maskedFill, maskedFillTensor] = [bind("aten::masked_fill.Scalar"), bind("aten::masked_fill.Tensor")];
const maskedFill_ = bind("aten::masked_fill_.Scalar");
const [uniform_, normal_, bernoulli_] = [bind("aten::uniform_"), bind("aten::normal_"), bind("aten::bernoulli_.float")];

interface Random {
  readonly generator?: Generator;
}

/** Element-wise operations of two operands. Shapes broadcast and dtypes promote as in PyTorch; names ending in `_` work in place. */
export class PointwiseTensor extends UnaryTensor {
  /** `this + alpha * other` */
  add(other: Operand, { alpha = 1 }: { alpha?: number } = {}): Tensor {
    return other instanceof TensorCore ? add(this, other, alpha) : addScalar(this, other, alpha);
  }
  add_(other: Operand, { alpha = 1 }: { alpha?: number } = {}): this {
    return (other instanceof TensorCore ? add_(this, other, alpha) : addScalar_(this, other, alpha)) as unknown as this;
  }
  /** `this - alpha * other` */
  sub(other: Operand, { alpha = 1 }: { alpha?: number } = {}): Tensor {
    return other instanceof TensorCore ? sub(this, other, alpha) : subScalar(this, other, alpha);
  }
  sub_(other: Operand, { alpha = 1 }: { alpha?: number } = {}): this {
    return (other instanceof TensorCore ? sub_(this, other, alpha) : subScalar_(this, other, alpha)) as unknown as this;
  }
  /** `other - this` */
  rsub(other: number): Tensor {
    return rsub(this, other);
  }
  mul(other: Operand): Tensor {
    return mul(this, other);
  }
  mul_(other: Operand): this {
    return mul_(this, other) as unknown as this;
  }
  /** True division; `roundingMode` makes it an integer division. */
  div(other: Operand, { roundingMode }: { roundingMode?: "trunc" | "floor" } = {}): Tensor {
    if (roundingMode === undefined) return div(this, other);
    return (other instanceof TensorCore ? divMode : divModeScalar)(this, other, roundingMode);
  }
  div_(other: Operand, { roundingMode }: { roundingMode?: "trunc" | "floor" } = {}): this {
    if (roundingMode === undefined) return div_(this, other) as unknown as this;
    return (other instanceof TensorCore ? divMode_ : divModeScalar_)(this, other, roundingMode) as unknown as this;
  }
  /** Division rounded down, as Python's `//`. */
  floorDivide(other: Operand): Tensor {
    return this.div(other, { roundingMode: "floor" });
  }
  remainder_(other: Operand): this {
    return remainder_(this, other) as unknown as this;
  }
  /** The remainder with the sign of the divisor, as Python's `%`. */
  remainder(other: Operand): Tensor {
    return remainder(this, other);
  }
  /** The remainder with the sign of the dividend, as JavaScript's `%`. */
  fmod(other: Operand): Tensor {
    return fmod(this, other);
  }
  pow(exponent: Operand): Tensor {
    return exponent instanceof TensorCore ? powTensor(this, exponent) : powScalar(this, exponent);
  }
  pow_(exponent: Operand): this {
    return (exponent instanceof TensorCore ? powTensor_ : powScalar_)(this, exponent) as unknown as this;
  }
  maximum(other: TensorCore): Tensor {
    return maximum(this, other);
  }
  minimum(other: TensorCore): Tensor {
    return minimum(this, other);
  }
  atan2(other: TensorCore): Tensor {
    return atan2(this, other);
  }
  /** `this + weight * (end - this)` */
  lerp(end: TensorCore, weight: number | TensorCore): Tensor {
    return (weight instanceof TensorCore ? lerpTensor : lerpScalar)(this, end, weight);
  }
  lerp_(end: TensorCore, weight: number | TensorCore): this {
    return (weight instanceof TensorCore ? lerpTensor_ : lerpScalar_)(this, end, weight) as unknown as this;
  }
  /** `this + value * a * b` */
  addcmul(a: TensorCore, b: TensorCore, { value = 1 }: { value?: number } = {}): Tensor {
    return addcmul(this, a, b, value);
  }
  addcmul_(a: TensorCore, b: TensorCore, { value = 1 }: { value?: number } = {}): this {
    return addcmul_(this, a, b, value) as unknown as this;
  }
  /** `this + value * a / b` */
  addcdiv(a: TensorCore, b: TensorCore, { value = 1 }: { value?: number } = {}): Tensor {
    return addcdiv(this, a, b, value);
  }
  addcdiv_(a: TensorCore, b: TensorCore, { value = 1 }: { value?: number } = {}): this {
    return addcdiv_(this, a, b, value) as unknown as this;
  }

  /** Whether each element is within `atol + rtol * |other|` of the other. */
  isclose(other: TensorCore, { rtol = 1e-5, atol = 1e-8, equalNan = false }: Closeness = {}): Tensor {
    return isclose(this, other, rtol, atol, equalNan);
  }
  eq(other: Operand): Tensor {
    return eq(this, other);
  }
  ne(other: Operand): Tensor {
    return ne(this, other);
  }
  lt(other: Operand): Tensor {
    return lt(this, other);
  }
  le(other: Operand): Tensor {
    return le(this, other);
  }
  gt(other: Operand): Tensor {
    return gt(this, other);
  }
  ge(other: Operand): Tensor {
    return ge(this, other);
  }
  logicalAnd(other: TensorCore): Tensor {
    return logicalAnd(this, other);
  }
  logicalOr(other: TensorCore): Tensor {
    return logicalOr(this, other);
  }
  logicalXor(other: TensorCore): Tensor {
    return logicalXor(this, other);
  }
  bitwiseAnd(other: Operand): Tensor {
    return bitwiseAnd(this, other);
  }
  bitwiseOr(other: Operand): Tensor {
    return bitwiseOr(this, other);
  }
  bitwiseXor(other: Operand): Tensor {
    return bitwiseXor(this, other);
  }
  /** Elements of `this` where `condition` (bool) holds, else of `other`. */
  where(condition: TensorCore, other: Operand): Tensor {
    return where(condition, this, other);
  }
  /** A copy with `value` where `mask` (bool) holds. */
  maskedFill(mask: TensorCore, value: number | TensorCore): Tensor {
    return (value instanceof TensorCore ? maskedFillTensor : maskedFill)(this, mask, value);
  }
  maskedFill_(mask: TensorCore, value: number): this {
    return maskedFill_(this, mask, value) as unknown as this;
  }
  /** Limits each element to [min, max]; either may be left out. */
  clamp(min?: number | TensorCore | null, max?: number | TensorCore | null): Tensor {
    const byTensor = min instanceof TensorCore || max instanceof TensorCore;
    return (byTensor ? clampTensor : clamp)(this, min ?? null, max ?? null);
  }
  clamp_(min?: number | null, max?: number | null): this {
    return clamp_(this, min ?? null, max ?? null) as unknown as this;
  }

  fill_(value: number | bigint | boolean | TensorCore): this {
    return (value instanceof TensorCore ? fillTensor_ : fillScalar_)(this, value) as unknown as this;
  }
  /** Overwrites the elements with those of `source`, converting dtype and device; shapes broadcast. */
  copy_(source: TensorCore, { nonBlocking = false }: { nonBlocking?: boolean } = {}): this {
    return copy_(this, source, nonBlocking) as unknown as this;
  }
  uniform_(from = 0, to = 1, { generator }: Random = {}): this {
    return uniform_(this, from, to, generator) as unknown as this;
  }
  normal_(mean = 0, std = 1, { generator }: Random = {}): this {
    return normal_(this, mean, std, generator) as unknown as this;
  }
  bernoulli_(p = 0.5, { generator }: Random = {}): this {
    return bernoulli_(this, p, generator) as unknown as this;
  }
}

/** Elements of `a` where `condition` (bool) holds, else of `b`; all broadcast. */
export function where(condition: TensorCore, a: Operand, b: Operand): Tensor {
  const tensorA = a instanceof TensorCore;
  const tensorB = b instanceof TensorCore;
  if (tensorA) return (tensorB ? whereTensor : whereScalarOther)(condition, a, b);
  return (tensorB ? whereScalarSelf : whereScalars)(condition, a, b);
}
