import { hasOtherRanks, syncBatchNorm } from "../distributed/sync-batch-norm.ts";
import { TorchError } from "../errors.ts";
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
  /** Whether training normalizes by the batches of all ranks. */
  readonly synchronized?: boolean;
}

export interface BatchNormActOptions {
  /** Added after the normalization, in the input's dtype, before relu; of its shape, or broadcast to it. */
  readonly residual?: Tensor | undefined;
  /** True by default. */
  readonly relu?: boolean;
}

const fused = bind("ct::batch_norm_act");
const batchNorm = bind("aten::batch_norm");
const relu = bind("aten::relu");

/** What the kernel reads as one number a channel. */
function isChannelVector(tensor: Tensor, channels: number): boolean {
  return tensor.dtype === "float32" && tensor.device === "cpu" && tensor.isContiguous() && isShape(tensor, [channels]);
}

function isShape({ shape }: Tensor, wanted: readonly number[]): boolean {
  return shape.length === wanted.length && shape.every((size, dim) => size === wanted[dim]);
}

/** The statistics, weights and rules of one normalization. */
export interface BatchNormCall {
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
  /** True normalizes by the batch's own statistics and updates the running ones. */
  readonly training: boolean;
  readonly momentum: number;
  readonly eps: number;
  readonly residual?: Tensor | undefined;
  readonly relu: boolean;
  /** In training, by the batches of all ranks. */
  readonly synchronized?: boolean;
}

/** The kernel takes channels-last float32 or bfloat16 images on the CPU, with float32 statistics and weights. */
function canFuse(input: Tensor, call: BatchNormCall): boolean {
  const { weight, bias, runningMean, runningVar, residual, training } = call;
  if (!fusedKernelsEnabled() || input.device !== "cpu") return false;
  const { dtype, shape } = input;
  if (dtype !== "float32" && dtype !== "bfloat16") return false;
  if (shape.length !== 4 || shape.includes(0) || !input.isContiguous("channels_last")) return false;
  if (residual && (!isShape(residual, shape) || residual.device !== "cpu" || !residual.isContiguous("channels_last"))) {
    return false;
  }
  const hasStatistics = runningMean !== null && runningVar !== null;
  if (!hasStatistics && (!training || runningMean !== runningVar)) return false;
  return [weight, bias, runningMean, runningVar].every((t) => t === null || isChannelVector(t, shape[1]!));
}

/**
 * One value a channel has no variance: it would be NaN, and stay so in the running statistics.
 * @param size [N, C, ...]
 */
export function checkValuesPerChannel(size: readonly number[]): void {
  const values = size.reduce((product, length, dim) => (dim === 1 ? product : product * length), 1);
  if (values !== 1) return;
  throw new TorchError({
    code: "torch/nn",
    what: `expected more than 1 value per channel when training, received an input of shape [${size.join(", ")}]`,
    fix: "use a larger batch, drop a last batch of one sample, or call eval()",
  });
}

/** `relu?(batchNorm(input) + residual)` by the fused kernel where it fits, else by LibTorch's operators. */
export function fusedBatchNorm(input: Tensor, call: BatchNormCall): Tensor {
  const { training, momentum, eps, relu: activate } = call;
  // LibTorch's backward reads strided ones as if they were not; in training the statistics are written.
  const dense = (tensor: Tensor | null) => (tensor === null || tensor.isContiguous() ? tensor : tensor.contiguous());
  const [weight, bias] = [dense(call.weight), dense(call.bias)];
  const runningMean = training ? call.runningMean : dense(call.runningMean);
  const runningVar = training ? call.runningVar : dense(call.runningVar);
  const synchronizes = call.synchronized === true && training && hasOtherRanks();
  if (training && !synchronizes) checkValuesPerChannel(input.shape);
  // Under autocast a shortcut may have another dtype.
  const residual = call.residual?.dtype === input.dtype ? call.residual : call.residual?.to({ dtype: input.dtype });
  if (!synchronizes && canFuse(input, { ...call, weight, bias, runningMean, runningVar, residual })) {
    return fused(input, weight, bias, runningMean, runningVar, residual ?? null, training, momentum, eps, activate);
  }
  const normalized = synchronizes
    ? syncBatchNorm(input, weight, bias, { runningMean, runningVar, momentum, eps })
    : batchNorm(input, weight, bias, runningMean, runningVar, training, momentum, eps, true);
  if (residual !== undefined) {
    const sum = normalized.add(residual);
    return activate ? relu(sum) : sum;
  }
  return activate ? relu(normalized) : normalized;
}

/**
 * `relu(batchNorm(input) + residual)`, in one pass over memory where the layout allows (channels-last on the CPU),
 * else with LibTorch's operators. Updates running statistics in training, as `nn.BatchNorm2d` does.
 *
 * @param input [N, C, H, W]
 * @returns [N, C, H, W], in the input's dtype and memory format
 */
export function batchNormAct(input: Tensor, norm: BatchNormState, options: BatchNormActOptions = {}): Tensor {
  let momentum = norm.momentum ?? 0;
  if (norm.training && norm.num_batches_tracked) {
    norm.num_batches_tracked.add_(1);
    if (norm.momentum === null) momentum = 1 / norm.num_batches_tracked.item();
  }
  return fusedBatchNorm(input, {
    weight: norm.weight,
    bias: norm.bias,
    runningMean: norm.running_mean,
    runningVar: norm.running_var,
    training: norm.training || norm.running_mean === null || norm.running_var === null,
    momentum,
    eps: norm.eps,
    residual: options.residual,
    relu: options.relu ?? true,
    synchronized: norm.training && norm.synchronized === true,
  });
}
