import { CtError } from "@classifier-training/base";
import { isFloatingPoint, nn, type Tensor, zeros } from "@classifier-training/torch";
import type { ClassificationModelOptions } from "./options.ts";

/** What a loss knows of the classes. */
export interface ClassFactors {
  /** [K] factors of the classes. */
  readonly weight: Tensor;
  /** [K] logarithms of the classes' fractions of the training samples, where logits are adjusted by them. */
  readonly logPrior: Tensor | undefined;
}

/**
 * The loss that the options name.
 * @param logits [N, K] @param labels [N] int64, or [N, K] probabilities @returns a scalar
 */
export function classificationLoss(
  logits: Tensor,
  labels: Tensor,
  options: ClassificationModelOptions,
  { weight, logPrior }: ClassFactors,
): Tensor {
  const { lossName, labelSmoothing, focalGamma, bceTargetThreshold, logitAdjustment } = options;
  // Logit-adjusted softmax cross entropy (Menon et al., "Long-tail learning via logit adjustment", 2021, equation 10).
  const adjusted = logPrior === undefined ? logits : logits.add(logPrior, { alpha: logitAdjustment });
  switch (lossName) {
    case "cross_entropy":
      return nn.functional.crossEntropy(adjusted, labels, { weight, labelSmoothing });
    case "focal":
      return nn.functional.focalLoss(adjusted, labels, { gamma: focalGamma, weight, labelSmoothing });
    case "bce": {
      const targets = binaryTargets(labels, logits, { labelSmoothing, threshold: bceTargetThreshold });
      // Autocast knows no binary cross entropy: half of a float's digits are not enough for a mean.
      return nn.functional.binaryCrossEntropyWithLogits(logits.to({ dtype: targets.dtype }), targets, { weight });
    }
  }
}

/**
 * Targets of one binary cross entropy a class (Wightman et al., "ResNet strikes back", 2021; timm's
 * `BinaryCrossEntropy`): smoothed to `target * (1 - smoothing) + smoothing / K`; with a threshold, 1 above it and 0
 * elsewhere.
 * @param labels [N] int64, or [N, K] probabilities @returns [N, K], float32 (float64 for logits of float64)
 */
function binaryTargets(
  labels: Tensor,
  logits: Tensor,
  { labelSmoothing, threshold }: { readonly labelSmoothing: number; readonly threshold: number | null },
): Tensor {
  const dtype = logits.dtype === "float64" ? "float64" : "float32";
  const hard = isFloatingPoint(labels.dtype)
    ? labels.to({ dtype })
    : zeros(logits.shape, { dtype, device: logits.device }).scatter_(1, labels.unsqueeze(1), 1);
  const classes = logits.shape[1] as number;
  const soft = hard.mul(1 - labelSmoothing).add(labelSmoothing / classes);
  return threshold === null ? soft : soft.gt(threshold).to({ dtype });
}

/**
 * Logarithms of the classes' fractions of the training samples. A class without samples counts as one of a single
 * sample: the logarithm of nothing would make its logit infinite.
 */
export function logPriors(counts: ArrayLike<number>): Float32Array {
  const atLeastOne = Array.from(counts, (count) => Math.max(1, count));
  const total = atLeastOne.reduce((sum, count) => sum + count, 0);
  return Float32Array.from(atLeastOne, (count) => Math.log(count / total));
}

/** @throws CtError for options that contradict one another */
export function checkLossOptions({ lossName, logitAdjustment, bceTargetThreshold }: ClassificationModelOptions): void {
  if (logitAdjustment > 0 && lossName === "bce") {
    throw new CtError({
      code: "classifier/loss",
      what: "model.logit_adjustment: expected a loss over a softmax (cross_entropy, focal), received loss_name bce",
      where: "model.loss_name",
      fix: "set model.loss_name=cross_entropy, or model.logit_adjustment=0",
    });
  }
  if (bceTargetThreshold !== null && lossName !== "bce") {
    throw new CtError({
      code: "classifier/loss",
      what: `model.bce_target_threshold: expected loss_name bce, received ${lossName}`,
      where: "model.bce_target_threshold",
      fix: "set model.loss_name=bce, or leave model.bce_target_threshold out",
    });
  }
}
