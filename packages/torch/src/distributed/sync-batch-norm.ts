import { AutogradFunction, type FunctionContext } from "../autograd/function.ts";
import { TorchError } from "../errors.ts";
import { scope } from "../scope.ts";
import { full } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { concatenate as cat } from "../tensor/views.ts";
import { allGatherSync, allReduceSync } from "./collectives.ts";
import { getWorldSize, isInitialized } from "./process-group.ts";

export interface SyncBatchNormArguments {
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
  /** Share of the new statistics in the running ones. */
  readonly momentum: number;
  readonly eps: number;
}

/** Whether there are other ranks to share statistics with. */
export function hasOtherRanks(): boolean {
  return isInitialized() && getWorldSize() > 1;
}

/**
 * Batch normalization by the statistics of all ranks' batches, as PyTorch's `SyncBatchNorm`: every rank must call it, in
 * the same order, forward and backward; their batches may be of different sizes. Gradients of weight and bias are this
 * rank's, as those of all parameters. Half-precision inputs are normalized in float32.
 * @param input [N, C, ...] @param weight [C] or null @param bias [C] or null
 */
export function syncBatchNorm(
  input: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  options: SyncBatchNormArguments,
): Tensor {
  return scope(() => SyncBatchNormFunction.apply(input, weight, bias, options));
}

class SyncBatchNormFunction extends AutogradFunction {
  static forward(
    context: FunctionContext,
    input: Tensor,
    weight: Tensor | null,
    bias: Tensor | null,
    { runningMean, runningVar, momentum, eps }: SyncBatchNormArguments,
  ): Tensor {
    const x = inFullPrecision(input);
    const { mean, squares, count } = mergedStatistics(x);
    if (runningMean !== null) runningMean.mul_(1 - momentum).add_(mean.mul(momentum));
    if (runningVar !== null) runningVar.mul_(1 - momentum).add_(squares.mul(momentum / (count - 1)));
    const invStd = squares.div(count).add(eps).rsqrt();
    const scale = weight === null ? invStd : invStd.mul(weight);
    context.saveForBackward(input, weight, mean, invStd);
    context.values["count"] = count;
    context.values["hasBias"] = bias !== null;
    let output = x.sub(perChannel(mean, x)).mul_(perChannel(scale, x));
    if (bias !== null) output = output.add_(perChannel(bias, x));
    return output.to({ dtype: input.dtype });
  }

  static backward(context: FunctionContext, gradient: Tensor): (Tensor | null)[] {
    const [input, weight, mean, invStd] = context.savedTensors as [Tensor, Tensor | null, Tensor, Tensor];
    const count = context.values["count"] as number;
    const dims = allButChannels(input);
    const dy = inFullPrecision(gradient);
    const centered = inFullPrecision(input).sub(perChannel(mean, input));
    const sumDy = dy.sum(dims);
    const sumDyCentered = dy.mul(centered).sum(dims);
    const weightGradient = sumDyCentered.mul(invStd);
    const sums = cat([sumDy, sumDyCentered]);
    allReduceSync(sums);
    const channels = sumDy.numel;
    const meanDy = sums.narrow(0, 0, channels).div(count);
    const slope = sums.narrow(0, channels, channels).div(count).mul(invStd).mul(invStd);
    const scale = weight === null ? invStd : invStd.mul(weight);
    const inputGradient = dy
      .sub(perChannel(meanDy, dy))
      .sub_(centered.mul_(perChannel(slope, dy)))
      .mul_(perChannel(scale, dy));
    return [
      inputGradient.to({ dtype: input.dtype }),
      ...(weight === null ? [] : [weightGradient.to({ dtype: weight.dtype })]),
      ...(context.values["hasBias"] === true ? [sumDy] : []),
    ];
  }
}

interface Statistics {
  /** [C] */
  readonly mean: Tensor;
  /** [C]: sums of squared distances from the mean. */
  readonly squares: Tensor;
  /** Values a channel. */
  readonly count: number;
}

/** Of all ranks, merged in the order of ranks (Chan et al. 1979), so that each computes the same bits. */
function mergedStatistics(x: Tensor): Statistics {
  const dims = allButChannels(x);
  const own = x.mean(dims);
  const channels = own.numel;
  const distance = x.sub(perChannel(own, x));
  const squares = distance.mul(distance).sum(dims);
  const size = full([1], x.numel / channels, { dtype: own.dtype, device: own.device });
  const ranks = allGatherSync(cat([own, squares, size])).map((all) => ({
    mean: all.narrow(0, 0, channels),
    squares: all.narrow(0, channels, channels),
    count: all.narrow(0, 2 * channels, 1).item(),
  }));
  const count = ranks.reduce((sum, rank) => sum + rank.count, 0);
  if (count <= 1) {
    throw new TorchError({
      code: "torch/batch-norm",
      what: `batch norm over all ranks needs more than ${count} value a channel in training`,
      fix: "use a larger batch",
    });
  }
  const mean = sum(ranks.map((rank) => rank.mean.mul(rank.count / count)));
  const apart = ranks.map((rank) => {
    const offset = rank.mean.sub(mean);
    return rank.squares.add(offset.mul(offset).mul(rank.count));
  });
  return { mean, squares: sum(apart), count };
}

function sum(tensors: readonly Tensor[]): Tensor {
  return tensors.reduce((total, tensor) => total.add(tensor));
}

function inFullPrecision(tensor: Tensor): Tensor {
  return tensor.dtype === "float64" ? tensor : tensor.to({ dtype: "float32" });
}

function allButChannels({ ndim }: Tensor): number[] {
  return Array.from({ length: ndim }, (_, dim) => dim).filter((dim) => dim !== 1);
}

/** [C] as [1, C, 1, ...], to be used beside a tensor [N, C, ...]. */
function perChannel(vector: Tensor, { ndim }: Tensor): Tensor {
  return vector.view([1, -1, ...Array.from({ length: ndim - 2 }, () => 1)]);
}
