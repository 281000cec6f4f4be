import { getLogger } from "@classifier-training/base";
import { bind } from "../../ops/dispatch.ts";
import { zeros } from "../../tensor/create.ts";
import { isFloatingPoint } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { nnError } from "../errors.ts";

const log = getLogger("torch.nn.functional");

const atenCrossEntropy = bind("aten::cross_entropy_loss");
const atenNll = bind("aten::nll_loss_nd");
const atenMse = bind("aten::mse_loss");
const atenL1 = bind("aten::l1_loss");
const atenSmoothL1 = bind("aten::smooth_l1_loss");
const atenBce = bind("aten::binary_cross_entropy");
const atenBceWithLogits = bind("aten::binary_cross_entropy_with_logits");
const broadcastTensors = bind<Tensor[]>("aten::broadcast_tensors");

/** `"mean"` over the samples (weighted by their classes' weights, if any), `"sum"`, or `"none"`: one value each. */
export type Reduction = "mean" | "sum" | "none";

/** The enumeration of `torch/csrc/api/include/torch/enum.h`. */
const reductionCodes: Readonly<Record<string, number>> = { none: 0, mean: 1, sum: 2 };

function codeOf(reduction: Reduction): number {
  const code = reductionCodes[reduction];
  if (code === undefined) throw nnError(`expected a reduction 'mean', 'sum' or 'none', received '${reduction}'`);
  return code;
}

function sameShape(a: Tensor, b: Tensor): boolean {
  return a.ndim === b.ndim && a.shape.every((size, i) => size === b.shape[i]);
}

/** Both in one shape, as PyTorch's Python layer does: the operators' gradients are wrong where they broadcast. */
function broadcast(name: string, input: Tensor, target: Tensor): [Tensor, Tensor] {
  if (sameShape(input, target)) return [input, target];
  log.warnOnce(
    `${name}: the target has shape [${target.shape.join(", ")}], the input [${input.shape.join(", ")}]: they broadcast, which is rarely meant`,
  );
  return broadcastTensors([input, target]) as [Tensor, Tensor];
}

function checkSameShape(name: string, input: Tensor, target: Tensor): void {
  if (sameShape(input, target)) return;
  throw nnError(
    `${name}: expected a target of the input's shape [${input.shape.join(", ")}], received [${target.shape.join(", ")}]`,
  );
}

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
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw nnError(`crossEntropy: expected a labelSmoothing between 0 and 1, received ${labelSmoothing}`);
  }
  return atenCrossEntropy(logits, target, weight, codeOf(reduction), ignoreIndex, labelSmoothing);
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
  codeOf(reduction);
  const ce = crossEntropy(logits, target, { weight, labelSmoothing, reduction: "none" });
  const uncertainty = ce.neg().exp().rsub(1);
  // Below an exponent of 1 the slope is infinite at 0, where a sample is classified beyond doubt.
  const base = gamma > 0 && gamma < 1 ? uncertainty.clamp(1e-30) : uncertainty;
  const focused = base.pow(gamma).mul(ce);
  if (reduction === "none") return focused;
  return reduction === "mean" ? focused.mean() : focused.sum();
}

/** Negative log likelihood. @param logProbabilities [N, K] or [N, K, ...] @param target int64 [N] or [N, ...] */
export function nllLoss(
  logProbabilities: Tensor,
  target: Tensor,
  { weight = null, reduction = "mean", ignoreIndex = -100 }: Omit<CrossEntropyArguments, "labelSmoothing"> = {},
): Tensor {
  return atenNll(logProbabilities, target, weight, codeOf(reduction), ignoreIndex);
}

interface Reduced {
  readonly reduction?: Reduction;
}

/** `(input - target) ** 2`; other shapes broadcast, with a warning, here and in the next two. */
export function mseLoss(input: Tensor, target: Tensor, { reduction = "mean" }: Reduced = {}): Tensor {
  return atenMse(...broadcast("mseLoss", input, target), codeOf(reduction));
}

/** `|input - target|`. */
export function l1Loss(input: Tensor, target: Tensor, { reduction = "mean" }: Reduced = {}): Tensor {
  return atenL1(...broadcast("l1Loss", input, target), codeOf(reduction));
}

/** Quadratic below `beta`, linear above. */
export function smoothL1Loss(
  input: Tensor,
  target: Tensor,
  { beta = 1, reduction = "mean" }: Reduced & { readonly beta?: number } = {},
): Tensor {
  return atenSmoothL1(...broadcast("smoothL1Loss", input, target), codeOf(reduction), beta);
}

export interface BceArguments extends Reduced {
  /** A factor for each element; broadcast. */
  readonly weight?: Tensor | null;
}

/** Binary cross entropy of probabilities. @param input in [0, 1] @param target in [0, 1], of the same shape */
export function binaryCrossEntropy(input: Tensor, target: Tensor, options: BceArguments = {}): Tensor {
  const { weight = null, reduction = "mean" } = options;
  checkSameShape("binaryCrossEntropy", input, target);
  const weights = weight && (broadcastTensors([target, weight])[1] as Tensor);
  return atenBce(input, target, weights, codeOf(reduction));
}

/** Binary cross entropy of sigmoid(logits), without overflow. @param target in [0, 1], of the same shape */
export function binaryCrossEntropyWithLogits(
  logits: Tensor,
  target: Tensor,
  options: BceArguments & { readonly posWeight?: Tensor | null } = {},
): Tensor {
  const { weight = null, posWeight = null, reduction = "mean" } = options;
  checkSameShape("binaryCrossEntropyWithLogits", logits, target);
  return atenBceWithLogits(logits, target, weight, posWeight, codeOf(reduction));
}

/**
 * Labels as targets of one binary decision a class, as timm makes them.
 * @param labels class indices, int64 [N], or probabilities [N, K]
 * @param labelSmoothing 1 becomes `1 - s + s / K` and 0 becomes `s / K`
 * @param threshold makes what is above it 1, and the rest 0
 * @returns [N, K], float32, or float64 for logits of float64
 */
export function binaryTargets(
  logits: Tensor,
  labels: Tensor,
  {
    labelSmoothing = 0,
    threshold = null,
  }: { readonly labelSmoothing?: number; readonly threshold?: number | null } = {},
): Tensor {
  const dtype = logits.dtype === "float64" ? "float64" : "float32";
  const classes = logits.shape[1] as number;
  const hard = isFloatingPoint(labels.dtype)
    ? labels.to({ dtype })
    : zeros(logits.shape, { dtype, device: logits.device }).scatter_(1, labels.unsqueeze(1), 1);
  const soft = labelSmoothing === 0 ? hard : hard.mul(1 - labelSmoothing).add(labelSmoothing / classes);
  return threshold === null ? soft : soft.gt(threshold).to({ dtype });
}

/**
 * Asymmetric loss of one label (Ben-Baruch et al., "Asymmetric loss for multi-label classification", 2021), as timm's
 * AsymmetricLossSingleLabel: the log probability of a class is discounted by `(1 - p) ** gammaPos` where it is the
 * label, and by `p ** gammaNeg` elsewhere.
 */
export function asymmetricLoss(
  logits: Tensor,
  target: Tensor,
  { gammaPos = 1, gammaNeg = 4, eps = 0.1, reduction = "mean" }: AsymmetricLossArguments = {},
): Tensor {
  const positive = binaryTargets(logits, target);
  const logProbabilities = logits.to({ dtype: positive.dtype }).logSoftmax(1);
  const probabilities = logProbabilities.exp();
  const negative = positive.rsub(1);
  const right = probabilities.mul(positive);
  const wrong = probabilities.rsub(1).mul(negative);
  const discount = right
    .rsub(1)
    .sub(wrong)
    .pow(positive.mul(gammaPos).add(negative, { alpha: gammaNeg }));
  const smoothed = positive.mul(1 - eps).add(eps / (logits.shape[1] as number));
  const losses = smoothed.mul(logProbabilities.mul(discount)).sum(1).neg();
  if (reduction === "none") return losses;
  return codeOf(reduction) === 1 ? losses.mean() : losses.sum();
}

export interface AsymmetricLossArguments extends Reduced {
  readonly gammaPos?: number;
  readonly gammaNeg?: number;
  /** Label smoothing. */
  readonly eps?: number;
}
