import { bind } from "../../ops/dispatch.ts";
import type { DType } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { nnError } from "../errors.ts";
import { inFloat32, mayLackKernel } from "./half-precision.ts";

/** Whether an activation may overwrite its input, which saves the memory of a copy. */
export interface InPlace {
  readonly inplace?: boolean;
}

function elementwise(name: string): (input: Tensor, options?: InPlace) => Tensor {
  const fresh = bind(`aten::${name}`);
  const inplace = bind(`aten::${name}_`);
  return (input, options) => (options?.inplace ? inplace(input) : fresh(input));
}

/** As `elementwise`, for those that LibTorch 1.13 cannot compute, or differentiate, in 16 bits on the CPU. */
function elementwiseInFloat32(name: string): (input: Tensor, options?: InPlace) => Tensor {
  const apply = elementwise(name);
  return (input, options) => {
    if (!mayLackKernel(input)) return apply(input, options);
    const result = inFloat32(input, apply);
    return options?.inplace ? input.copy_(result) : result;
  };
}

/** `max(0, x)`. */
export const relu: (input: Tensor, options?: InPlace) => Tensor = elementwise("relu");
/** `min(max(0, x), 6)`. */
export const relu6: (input: Tensor, options?: InPlace) => Tensor = elementwiseInFloat32("relu6");
/** `x * relu6(x + 3) / 6`. */
export const hardswish: (input: Tensor, options?: InPlace) => Tensor = elementwise("hardswish");
/** `relu6(x + 3) / 6`. */
export const hardsigmoid: (input: Tensor, options?: InPlace) => Tensor = elementwise("hardsigmoid");
/** `x * sigmoid(x)`, also known as swish. */
export const silu: (input: Tensor, options?: InPlace) => Tensor = elementwise("silu");
/** `x * tanh(log(1 + exp(x)))`. */
export const mish: (input: Tensor, options?: InPlace) => Tensor = elementwiseInFloat32("mish");
/** `1 / (1 + exp(-x))`. */
export const sigmoid: (input: Tensor, options?: InPlace) => Tensor = elementwise("sigmoid");
export const tanh: (input: Tensor, options?: InPlace) => Tensor = elementwise("tanh");
/** ELU with the scale and alpha of self-normalizing networks. */
export const selu: (input: Tensor, options?: InPlace) => Tensor = elementwise("selu");

const atenLeakyRelu = bind("aten::leaky_relu");
const atenLeakyReluInPlace = bind("aten::leaky_relu_");
const [atenElu, atenEluInPlace] = [bind("aten::elu"), bind("aten::elu_")];
const [atenHardtanh, atenHardtanhInPlace] = [bind("aten::hardtanh"), bind("aten::hardtanh_")];
const [atenPrelu, atenLogSigmoid] = [bind("aten::prelu"), bind("aten::log_sigmoid")];
const atenGelu = bind("aten::gelu");
const atenSoftplus = bind("aten::softplus");
const atenSoftmax = bind("aten::softmax.int");
const atenLogSoftmax = bind("aten::log_softmax.int");

/** x where it is positive, `negativeSlope * x` elsewhere. */
export function leakyRelu(input: Tensor, { negativeSlope = 0.01, inplace = false }: LeakyReluOptions = {}): Tensor {
  return (inplace ? atenLeakyReluInPlace : atenLeakyRelu)(input, negativeSlope);
}
export interface LeakyReluOptions extends InPlace {
  readonly negativeSlope?: number;
}

/** x where it is positive, `alpha * (exp(x) - 1)` elsewhere. */
export function elu(input: Tensor, { alpha = 1, inplace = false }: EluOptions = {}): Tensor {
  return (inplace ? atenEluInPlace : atenElu)(input, alpha);
}
export interface EluOptions extends InPlace {
  readonly alpha?: number;
}

/** x limited to [minVal, maxVal]. */
export function hardtanh(input: Tensor, { minVal = -1, maxVal = 1, inplace = false }: HardtanhOptions = {}): Tensor {
  if (!(minVal <= maxVal)) throw nnError(`hardtanh: expected minVal <= maxVal, received ${minVal} and ${maxVal}`);
  if (!mayLackKernel(input)) return (inplace ? atenHardtanhInPlace : atenHardtanh)(input, minVal, maxVal);
  const result = inFloat32(input, (x) => atenHardtanh(x, minVal, maxVal));
  return inplace ? input.copy_(result) : result;
}
export interface HardtanhOptions extends InPlace {
  readonly minVal?: number;
  readonly maxVal?: number;
}

/** x where it is positive, `weight * x` elsewhere. @param weight one slope, or one a channel */
export function prelu(input: Tensor, weight: Tensor): Tensor {
  return atenPrelu(input, weight);
}

/** `log(sigmoid(x))`, without overflow. */
export function logSigmoid(input: Tensor): Tensor {
  return atenLogSigmoid(input);
}

/** `x / (1 + |x|)`. */
export function softsign(input: Tensor): Tensor {
  return input.div(input.abs().add(1));
}

/** `log(1 + exp(beta * x)) / beta`, linear above `threshold`. */
export function softplus(input: Tensor, { beta = 1, threshold = 20 }: SoftplusOptions = {}): Tensor {
  return atenSoftplus(input, beta, threshold);
}
export interface SoftplusOptions {
  readonly beta?: number;
  readonly threshold?: number;
}

/** `x * Φ(x)`, exactly or by its approximation with tanh. */
export function gelu(input: Tensor, { approximate = "none" }: { readonly approximate?: "none" | "tanh" } = {}): Tensor {
  return atenGelu(input, approximate);
}

/** `exp(x) / sum(exp(x))` along a dimension. */
export function softmax(input: Tensor, dim: number, { dtype = null }: { readonly dtype?: DType | null } = {}): Tensor {
  return atenSoftmax(input, dim, dtype);
}

/** The logarithm of `softmax`, without overflow. */
export function logSoftmax(
  input: Tensor,
  dim: number,
  { dtype = null }: { readonly dtype?: DType | null } = {},
): Tensor {
  return atenLogSoftmax(input, dim, dtype);
}
