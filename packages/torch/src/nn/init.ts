import { noGrad } from "../autograd/modes.ts";
import { bind } from "../ops/dispatch.ts";
import { randn } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { nnError } from "./errors.ts";

const atenErfinv_ = bind("aten::erfinv_");
const atenEye = bind("aten::eye.m_out");
const atenQr = bind<[q: Tensor, r: Tensor]>("aten::linalg_qr");

/** What follows the layer. */
export type Nonlinearity =
  | "linear"
  | "conv1d"
  | "conv2d"
  | "conv3d"
  | "sigmoid"
  | "tanh"
  | "relu"
  | "leaky_relu"
  | "selu";

/** Which count of connections keeps its variance: those into a unit (forward pass) or those out of it (backward). */
export type FanMode = "fan_in" | "fan_out";

// Each function changes the tensor it is given, without a trace in autograd, and returns it. Formulas: torch/nn/init.py.

export function uniform_(tensor: Tensor, low = 0, high = 1): Tensor {
  return noGrad(() => tensor.uniform_(low, high));
}

export function normal_(tensor: Tensor, mean = 0, std = 1): Tensor {
  return noGrad(() => tensor.normal_(mean, std));
}

export function constant_(tensor: Tensor, value: number): Tensor {
  return noGrad(() => tensor.fill_(value));
}

export function ones_(tensor: Tensor): Tensor {
  return constant_(tensor, 1);
}

export function zeros_(tensor: Tensor): Tensor {
  return noGrad(() => tensor.zero_());
}

/** The identity. @param tensor [M, N] */
export function eye_(tensor: Tensor): Tensor {
  const [rows, columns, ...more] = tensor.shape;
  if (columns === undefined || more.length > 0) throw nnError("init.eye_: a matrix is expected");
  return noGrad(() => atenEye(rows, columns, tensor));
}

/** A normal distribution without its tails: values outside [low, high] do not occur. */
export function truncNormal_(tensor: Tensor, mean = 0, std = 1, low = -2, high = 2): Tensor {
  const cdf = (x: number) => (1 + erf(x / Math.SQRT2)) / 2;
  const [lower, upper] = [cdf((low - mean) / std), cdf((high - mean) / std)];
  return noGrad(() => {
    atenErfinv_(tensor.uniform_(2 * lower - 1, 2 * upper - 1));
    return tensor
      .mul_(std * Math.SQRT2)
      .add_(mean)
      .clamp_(low, high);
  });
}

export function xavierUniform_(tensor: Tensor, gain = 1): Tensor {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor);
  const bound = Math.sqrt(3) * gain * Math.sqrt(2 / (fanIn + fanOut));
  return uniform_(tensor, -bound, bound);
}

export function xavierNormal_(tensor: Tensor, gain = 1): Tensor {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor);
  return normal_(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)));
}

export interface KaimingOptions {
  /** Slope of the leaky rectifier that follows; only used with `leaky_relu`. */
  readonly a?: number;
  readonly mode?: FanMode;
  readonly nonlinearity?: Nonlinearity;
}

/** He et al., "Delving Deep into Rectifiers", 2015. */
export function kaimingUniform_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd(tensor, options);
  return uniform_(tensor, -bound, bound);
}

/** He et al., "Delving Deep into Rectifiers", 2015. */
export function kaimingNormal_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  return normal_(tensor, 0, kaimingStd(tensor, options));
}

function kaimingStd(tensor: Tensor, { a = 0, mode = "fan_in", nonlinearity = "leaky_relu" }: KaimingOptions): number {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor);
  return calculateGain(nonlinearity, a) / Math.sqrt(mode === "fan_in" ? fanIn : fanOut);
}

/** A (semi-)orthogonal matrix (Saxe et al., 2014). @param tensor [R, ...], taken as a matrix of R rows */
export function orthogonal_(tensor: Tensor, gain = 1): Tensor {
  const [rows, ...rest] = tensor.shape;
  if (rows === undefined || rest.length === 0) throw nnError("init.orthogonal_: two dimensions or more are expected");
  const columns = rest.reduce((product, size) => product * size, 1);
  return noGrad(() => {
    const flat = randn([rows, columns], { dtype: tensor.dtype, device: tensor.device });
    const [q, r] = atenQr(rows < columns ? flat.t() : flat, "reduced");
    const unique = q.mul(r.diagonal().sign());
    return tensor.copy_((rows < columns ? unique.t() : unique).reshape(tensor.shape)).mul_(gain);
  });
}

/** Connections into and out of one unit of a weight. @param tensor [Out, In, ...kernel] */
export function calculateFanInAndFanOut(tensor: Tensor): { readonly fanIn: number; readonly fanOut: number } {
  const [out, into, ...kernel] = tensor.shape;
  if (out === undefined || into === undefined) {
    throw nnError(`fan in and fan out need two dimensions or more, the tensor has shape [${tensor.shape.join(", ")}]`);
  }
  const field = kernel.reduce((product, size) => product * size, 1);
  return { fanIn: into * field, fanOut: out * field };
}

/** The factor by which a nonlinearity shrinks the standard deviation of what passes. */
export function calculateGain(nonlinearity: Nonlinearity, a = 0.01): number {
  switch (nonlinearity) {
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.SQRT2;
    case "leaky_relu":
      return Math.sqrt(2 / (1 + a * a));
    case "selu":
      return 3 / 4;
    default:
      return 1;
  }
}

/** The error function to about 1e-7 (Abramowitz and Stegun 7.1.26 refined: Numerical Recipes' erfc). */
function erf(x: number): number {
  const t = 1 / (1 + Math.abs(x) / 2);
  const coefficients = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ];
  const polynomial = coefficients.reduceRight((sum, coefficient) => sum * t + coefficient, 0);
  const erfc = t * Math.exp(-x * x + polynomial);
  return x >= 0 ? 1 - erfc : erfc - 1;
}
