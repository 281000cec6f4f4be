import { noGrad } from "../autograd/modes.ts";
import { bind } from "../ops/dispatch.ts";
import { scope } from "../scope.ts";
import { randn, randperm, tensor as toTensor } from "../tensor/create.ts";
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

function noGradScope(fn: () => Tensor): Tensor {
  return scope(() => noGrad(fn));
}

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
  if (columns === undefined || more.length > 0)
    throw nnError(`init.eye_: expected a matrix, received ${tensor.ndim} dimensions`);
  return noGrad(() => atenEye(rows, columns, tensor));
}

/** A normal distribution without its tails: values outside [low, high] do not occur. */
export function truncNormal_(tensor: Tensor, mean = 0, std = 1, low = -2, high = 2): Tensor {
  const cdf = (x: number) =>
    scope(
      () =>
        (1 +
          toTensor(x / Math.SQRT2, { dtype: "float64" })
            .erf()
            .item()) /
        2,
    );
  const [lower, upper] = [cdf((low - mean) / std), cdf((high - mean) / std)];
  return noGrad(() => {
    atenErfinv_(tensor.uniform_(2 * lower - 1, 2 * upper - 1));
    return tensor
      .mul_(std * Math.SQRT2)
      .add_(mean)
      .clamp_(low, high);
  });
}

/** Uniform within `bound`; an empty tensor (whose fan would be 0) is left alone. */
function uniformWithin(tensor: Tensor, bound: () => number): Tensor {
  if (tensor.numel === 0) return tensor;
  const limit = bound();
  return uniform_(tensor, -limit, limit);
}

function normalOf(tensor: Tensor, std: () => number): Tensor {
  return tensor.numel === 0 ? tensor : normal_(tensor, 0, std());
}

export function xavierUniform_(tensor: Tensor, gain = 1): Tensor {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor);
  return uniformWithin(tensor, () => Math.sqrt(3) * gain * Math.sqrt(2 / (fanIn + fanOut)));
}

export function xavierNormal_(tensor: Tensor, gain = 1): Tensor {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor);
  return normalOf(tensor, () => gain * Math.sqrt(2 / (fanIn + fanOut)));
}

export interface KaimingOptions {
  /** Slope of the leaky rectifier that follows; only used with `leaky_relu`. */
  readonly a?: number;
  readonly mode?: FanMode;
  readonly nonlinearity?: Nonlinearity;
}

/** He et al., "Delving Deep into Rectifiers", 2015. */
export function kaimingUniform_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  return uniformWithin(tensor, () => Math.sqrt(3) * kaimingStd(tensor, options));
}

/** He et al., "Delving Deep into Rectifiers", 2015. */
export function kaimingNormal_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  return normalOf(tensor, () => kaimingStd(tensor, options));
}

function kaimingStd(tensor: Tensor, { a = 0, mode = "fan_in", nonlinearity = "leaky_relu" }: KaimingOptions): number {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor);
  if (mode !== "fan_in" && mode !== "fan_out") {
    throw nnError(`init.kaiming: expected a mode 'fan_in' or 'fan_out', received '${String(mode)}'`);
  }
  return calculateGain(nonlinearity, a) / Math.sqrt(mode === "fan_in" ? fanIn : fanOut);
}

/** A (semi-)orthogonal matrix (Saxe et al., 2014). @param tensor [R, ...], taken as a matrix of R rows */
export function orthogonal_(tensor: Tensor, gain = 1): Tensor {
  const [rows, ...rest] = tensor.shape;
  if (rows === undefined || rest.length === 0)
    throw nnError(`init.orthogonal_: expected two dimensions or more, received ${tensor.ndim}`);
  const columns = rest.reduce((product, size) => product * size, 1);
  return noGradScope(() => {
    const flat = randn([rows, columns], { dtype: tensor.dtype, device: tensor.device });
    const [q, r] = atenQr(rows < columns ? flat.t() : flat, "reduced");
    const unique = q.mul(r.diagonal().sign());
    return tensor.copy_((rows < columns ? unique.t() : unique).reshape(tensor.shape)).mul_(gain);
  });
}

/**
 * A convolution that passes its channels on as they are, as far as there are as many: ones in the middle of the kernels.
 * @param tensor [Out, In, ...kernel], one to three kernel dimensions
 */
export function dirac_(tensor: Tensor, groups = 1): Tensor {
  const [out, into, ...kernel] = tensor.shape;
  if (out === undefined || into === undefined || kernel.length < 1 || kernel.length > 3) {
    throw nnError(`init.dirac_: expected three to five dimensions, received ${tensor.ndim}`);
  }
  if (out % groups !== 0) throw nnError(`init.dirac_: ${out} output channels do not divide into ${groups} groups`);
  const center = kernel.map((size) => Math.floor(size / 2));
  const outPerGroup = out / groups;
  return noGradScope(() => {
    tensor.zero_();
    for (let group = 0; group < groups; group++) {
      for (let d = 0; d < Math.min(outPerGroup, into); d++) tensor.setIndex([group * outPerGroup + d, d, ...center], 1);
    }
    return tensor;
  });
}
/** Normally distributed, with a fraction of zeros in each column (Martens, 2010). @param tensor [rows, columns] */
export function sparse_(tensor: Tensor, sparsity: number, std = 0.01): Tensor {
  const [rows, columns, ...more] = tensor.shape;
  if (rows === undefined || columns === undefined || more.length > 0) {
    throw nnError(`init.sparse_: expected a matrix, received ${tensor.ndim} dimensions`);
  }
  const zeros = Math.ceil(sparsity * rows);
  return noGradScope(() => {
    tensor.normal_(0, std);
    for (let column = 0; column < columns; column++) {
      tensor.select(1, column).indexFill_(0, randperm(rows, { device: tensor.device }).narrow(0, 0, zeros), 0);
    }
    return tensor;
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
    case "linear":
    case "conv1d":
    case "conv2d":
    case "conv3d":
    case "sigmoid":
      return 1;
    default:
      throw nnError(
        `init.calculateGain: unknown nonlinearity '${String(nonlinearity)}'`,
        "use the nearest: relu, leaky_relu, tanh, selu or linear",
      );
  }
}
