import { checkValuesPerChannel, fusedBatchNorm } from "../../fused/batch-norm-act.ts";
import { bind } from "../../ops/dispatch.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { nnError } from "../errors.ts";
import { inFloat32 } from "./half-precision.ts";

export { type BatchNormActOptions, type BatchNormState, batchNormAct } from "../../fused/batch-norm-act.ts";

const atenGroupNorm = bind("aten::group_norm");
const atenLayerNorm = bind("aten::layer_norm");

export interface BatchNormArguments {
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
  readonly weight?: Tensor | null;
  readonly bias?: Tensor | null;
  /** True normalizes by the batch's own statistics and updates the running ones, if there are any. */
  readonly training?: boolean;
  /** Share of the new statistics in the running ones. */
  readonly momentum?: number;
  readonly eps?: number;
  /** In training of several ranks: by the batches of all of them. */
  readonly synchronized?: boolean;
}

/** `(x - mean) / sqrt(var + eps) * weight + bias` for each channel. @param input [N, C, ...] */
export function batchNorm(input: Tensor, options: BatchNormArguments): Tensor {
  const { runningMean, runningVar, weight = null, bias = null, training = false, momentum = 0.1, eps = 1e-5 } = options;
  const { synchronized = false } = options;
  const call = { weight, bias, runningMean, runningVar, training, momentum, eps, synchronized };
  return fusedBatchNorm(input, { ...call, relu: false });
}

export interface AffineNormArguments {
  readonly weight?: Tensor | null;
  readonly bias?: Tensor | null;
  readonly eps?: number;
}

/** Under autocast: the input in 16 bits, the parameters in float32. */
function isMixed({ dtype }: Tensor, ...parameters: readonly (Tensor | null)[]): boolean {
  return parameters.some((parameter) => parameter !== null && parameter.dtype !== dtype);
}

/** Normalizes each sample over groups of channels. @param input [N, C, ...] with C a multiple of `groups` */
export function groupNorm(input: Tensor, groups: number, options: AffineNormArguments = {}): Tensor {
  const { weight = null, bias = null, eps = 1e-5 } = options;
  const { shape } = input;
  if (shape.length < 2) throw nnError(`groupNorm: expected an input [N, C, ...], received [${shape.join(", ")}]`);
  const [samples, channels, ...positions] = shape as [number, number, ...number[]];
  checkValuesPerChannel([Math.floor((samples * channels) / groups), groups, ...positions]);
  const normalize = (x: Tensor) => atenGroupNorm(x, groups, weight, bias, eps, true);
  return isMixed(input, weight, bias) ? inFloat32(input, normalize) : normalize(input);
}

/** Normalizes over the last dimensions. @param normalizedShape their sizes */
export function layerNorm(
  input: Tensor,
  normalizedShape: readonly number[],
  options: AffineNormArguments = {},
): Tensor {
  const { weight = null, bias = null, eps = 1e-5 } = options;
  const normalize = (x: Tensor) => atenLayerNorm(x, normalizedShape, weight, bias, eps, true);
  return isMixed(input, weight, bias) ? inFloat32(input, normalize) : normalize(input);
}
