import { bind } from "../ops/dispatch.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { fusedKernelsEnabled } from "./switch.ts";

/** What is needed of a batch norm module; `nn.BatchNorm2d` has it. */
export interface BatchNormState {
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly running_mean: Tensor | null;
  readonly running_var: Tensor | null;
  readonly num_batches_tracked?: Tensor | null;
  readonly training: boolean;
  readonly eps: number;
  /** Null averages over all batches so far. */
  readonly momentum: number | null;
}

export interface BatchNormActOptions {
  /** Added behind the normalisation, before relu; the shape of the input. */
  readonly residual?: Tensor | undefined;
  /** True unless told otherwise. */
  readonly relu?: boolean;
}

const fused = bind("ct::batch_norm_act");
const batchNorm = bind("aten::batch_norm");
const relu_ = bind("aten::relu_");
const relu = bind("aten::relu");

function isFloat32Vector(tensor: Tensor | null): boolean {
  return tensor === null || tensor.dtype === "float32";
}

/** The kernel takes channels-last float32 or bfloat16 images on the CPU, with float32 statistics and weights. */
function canFuse(input: Tensor, norm: BatchNormState, residual: Tensor | undefined): boolean {
  if (!fusedKernelsEnabled() || input.ndim !== 4 || input.device !== "cpu") return false;
  const { dtype } = input;
  if (dtype !== "float32" && dtype !== "bfloat16") return false;
  if (!input.isContiguous("channels_last")) return false;
  if (residual !== undefined && !residual.isContiguous("channels_last")) return false;
  return isFloat32Vector(norm.weight) && isFloat32Vector(norm.bias) && isFloat32Vector(norm.running_mean);
}

/**
 * `relu(batchNorm(input) + residual)`, in one pass over memory where the layout allows (channels-last on the CPU),
 * else with LibTorch's operators. Updates running statistics in training, as `nn.BatchNorm2d` does.
 *
 * @param input [N, C, H, W]
 * @returns [N, C, H, W], in the input's dtype and memory format
 */
export function batchNormAct(input: Tensor, norm: BatchNormState, options: BatchNormActOptions = {}): Tensor {
  const { relu: activate = true } = options;
  const { residual } = options;
  const training = norm.training || norm.running_mean === null || norm.running_var === null;
  let momentum = norm.momentum ?? 0;
  if (norm.training && norm.num_batches_tracked) {
    norm.num_batches_tracked.add_(1);
    if (norm.momentum === null) momentum = 1 / norm.num_batches_tracked.item();
  }
  const { weight, bias, running_mean: mean, running_var: variance, eps } = norm;
  if (canFuse(input, norm, residual)) {
    // Under autocast a shortcut may have the other dtype of the two.
    const added =
      residual === undefined || residual.dtype === input.dtype ? residual : residual.to({ dtype: input.dtype });
    return fused(input, weight, bias, mean, variance, added ?? null, training, momentum, eps, activate);
  }
  const normalized = batchNorm(input, weight, bias, mean, variance, training, momentum, eps, true);
  if (residual !== undefined) {
    const sum = normalized.add(residual);
    return activate ? relu_(sum) : sum;
  }
  // Not in place: batch norm's own backward may need its output's memory only where LibTorch says so.
  return activate ? relu(normalized) : normalized;
}
