import { bind } from "../../ops/dispatch.ts";
import type { Tensor } from "../../tensor/tensor.ts";

const atenCrossEntropy = bind("aten::cross_entropy_loss");
const atenNll = bind("aten::nll_loss_nd");
const atenMse = bind("aten::mse_loss");
const atenL1 = bind("aten::l1_loss");
const atenSmoothL1 = bind("aten::smooth_l1_loss");
const atenBce = bind("aten::binary_cross_entropy");
const atenBceWithLogits = bind("aten::binary_cross_entropy_with_logits");

/** `"mean"` over the samples (weighted by their classes' weights, if any), `"sum"`, or `"none"`: one value each. */
export type Reduction = "mean" | "sum" | "none";

/** The enumeration of `torch/csrc/api/include/torch/enum.h`. */
const reductionCode = { none: 0, mean: 1, sum: 2 } as const;

export interface CrossEntropyArguments {
  /** [K], a factor for each class. */
  readonly weight?: Tensor | null;
  readonly reduction?: Reduction;
  /** A target that does not count. */
  readonly ignoreIndex?: number;
  /** Share of the target that is spread over all classes, between 0 and 1. */
  readonly labelSmoothing?: number;
}

/**
 * Cross entropy of softmax(logits) with the target.
 * @param logits [N, K] or [N, K, ...]
 * @param target class indices, int64 [N] or [N, ...], or probabilities of the logits' shape and dtype
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyArguments = {}): Tensor {
  const { weight = null, reduction = "mean", ignoreIndex = -100, labelSmoothing = 0 } = options;
  return atenCrossEntropy(logits, target, weight, reductionCode[reduction], ignoreIndex, labelSmoothing);
}

export interface FocalLossArguments {
  /** How much well-classified samples are discounted; 0 is the plain mean of the cross entropies. */
  readonly gamma?: number;
  readonly weight?: Tensor | null;
  readonly labelSmoothing?: number;
  readonly reduction?: Reduction;
}

/**
 * Focal loss (Lin et al., 2017) over cross entropy `ce` of each sample, class weights and smoothing inside it:
 * `mean((1 - exp(-ce)) ** gamma * ce)`. The mean is over samples, not over class weights.
 */
export function focalLoss(logits: Tensor, target: Tensor, options: FocalLossArguments = {}): Tensor {
  const { gamma = 2, weight = null, labelSmoothing = 0, reduction = "mean" } = options;
  const ce = crossEntropy(logits, target, { weight, labelSmoothing, reduction: "none" });
  const focused = ce.neg().exp().rsub(1).pow(gamma).mul(ce);
  if (reduction === "none") return focused;
  return reduction === "mean" ? focused.mean() : focused.sum();
}

/** Negative log likelihood. @param logProbabilities [N, K] or [N, K, ...] @param target int64 [N] or [N, ...] */
export function nllLoss(
  logProbabilities: Tensor,
  target: Tensor,
  { weight = null, reduction = "mean", ignoreIndex = -100 }: Omit<CrossEntropyArguments, "labelSmoothing"> = {},
): Tensor {
  return atenNll(logProbabilities, target, weight, reductionCode[reduction], ignoreIndex);
}

interface Reduced {
  readonly reduction?: Reduction;
}

/** `(input - target) ** 2`. */
export function mseLoss(input: Tensor, target: Tensor, { reduction = "mean" }: Reduced = {}): Tensor {
  return atenMse(input, target, reductionCode[reduction]);
}

/** `|input - target|`. */
export function l1Loss(input: Tensor, target: Tensor, { reduction = "mean" }: Reduced = {}): Tensor {
  return atenL1(input, target, reductionCode[reduction]);
}

/** Quadratic below `beta`, linear above. */
export function smoothL1Loss(
  input: Tensor,
  target: Tensor,
  { beta = 1, reduction = "mean" }: Reduced & { readonly beta?: number } = {},
): Tensor {
  return atenSmoothL1(input, target, reductionCode[reduction], beta);
}

export interface BceArguments extends Reduced {
  /** A factor for each element; broadcast. */
  readonly weight?: Tensor | null;
}

/** Binary cross entropy of probabilities. @param input in [0, 1] @param target in [0, 1], of the same shape */
export function binaryCrossEntropy(input: Tensor, target: Tensor, options: BceArguments = {}): Tensor {
  const { weight = null, reduction = "mean" } = options;
  return atenBce(input, target, weight, reductionCode[reduction]);
}

/** Binary cross entropy of sigmoid(logits), without overflow. @param target in [0, 1], of the same shape */
export function binaryCrossEntropyWithLogits(
  logits: Tensor,
  target: Tensor,
  options: BceArguments & { readonly posWeight?: Tensor | null } = {},
): Tensor {
  const { weight = null, posWeight = null, reduction = "mean" } = options;
  return atenBceWithLogits(logits, target, weight, posWeight, reductionCode[reduction]);
}
