import { CtError } from "@classifier-training/base";
import { nn, Tensor } from "@classifier-training/torch";
import type { ClassificationModelOptions } from "./options.ts";

/** What a loss knows of the classes. */
export interface ClassFactors {
  /** [K] factors of the classes; multilabel: of their positive samples. */
  readonly weight: Tensor;
  /** [K] logarithms of the classes' fractions of the training samples, where logits are adjusted by them. */
  readonly logPrior: Tensor | undefined;
}

/**
 * The loss that the options name.
 * @param logits [N, K] @param labels [N] int64, or [N, K] probabilities (multilabel: of each class) @returns a scalar
 */
export function classificationLoss(
  logits: Tensor,
  labels: Tensor,
  options: ClassificationModelOptions,
  { weight, logPrior }: ClassFactors,
): Tensor {
  const { lossName, labelSmoothing, focalGamma, bceTargetThreshold, logitAdjustment } = options;
  if (options.task === "multilabel") return multilabelLoss(logits, labels, options, weight);
  // Logit-adjusted softmax cross entropy (Menon et al., "Long-tail learning via logit adjustment", 2021, equation 10).
  const adjusted = logPrior === undefined ? logits : logits.add(logPrior, { alpha: logitAdjustment });
  switch (lossName) {
    case "cross_entropy":
      return nn.functional.crossEntropy(adjusted, labels, { weight, labelSmoothing });
    case "focal":
      return nn.functional.focalLoss(adjusted, labels, { gamma: focalGamma, weight, labelSmoothing });
    case "bce": {
      // One binary cross entropy a class (Wightman et al., "ResNet strikes back", 2021).
      const targets = nn.functional.binaryTargets(logits, labels, { labelSmoothing, threshold: bceTargetThreshold });
      return nn.functional.binaryCrossEntropyWithLogits(logits.to({ dtype: targets.dtype }), targets, { weight });
    }
  }
}

/** A loss of a configuration: what `model.loss` gives. */
export type Criterion = nn.Module<[Tensor, Tensor]> | ((logits: Tensor, labels: Tensor) => unknown);

/**
 * Binary cross entropy over classes, or its focal form (Lin et al., "Focal loss for dense object detection", 2017,
 * equation 4), the positive samples of a class weighted. Label smoothing moves both targets by half of it.
 */
function multilabelLoss(
  logits: Tensor,
  labels: Tensor,
  { lossName, labelSmoothing, focalGamma, bceTargetThreshold }: ClassificationModelOptions,
  posWeight: Tensor,
): Tensor {
  const dtype = logits.dtype === "float64" ? "float64" : "float32";
  const scores = logits.to({ dtype });
  const given = bceTargetThreshold === null ? labels : labels.gt(bceTargetThreshold);
  const targets = given
    .to({ dtype })
    .mul(1 - labelSmoothing)
    .add(labelSmoothing / 2);
  if (lossName !== "focal") return nn.functional.binaryCrossEntropyWithLogits(scores, targets, { posWeight });
  const each = nn.functional.binaryCrossEntropyWithLogits(scores, targets, { posWeight, reduction: "none" });
  // 1 - p of the true decision; between the two for a soft target.
  const probabilities = scores.sigmoid();
  const missing = probabilities.mul(-2).add(1).mul(targets).add(probabilities);
  return each.mul(missing.pow(focalGamma)).mean();
}

/**
 * The loss that `model.loss` names: a class is made, with `_partial_: true` too; a function is called with logits and
 * labels.
 * @throws CtError for a loss of something else than logits
 */
export function criterionOf({ loss }: ClassificationModelOptions): Criterion | undefined {
  if (loss === null) return undefined;
  const isClass = typeof loss === "function" && /[.#][A-Z]\w*$/.test(loss.target ?? "");
  const made = isClass ? (loss as () => unknown)() : loss;
  if (made instanceof nn.NLLLoss || made instanceof nn.BCELoss) {
    const isNll = made instanceof nn.NLLLoss;
    throw new CtError({
      code: "classifier/loss",
      what: `model.loss: ${made.constructor.name} takes ${isNll ? "log probabilities" : "probabilities"}, and the network gives logits`,
      where: "model.loss",
      fix: `use torch.nn.${isNll ? "CrossEntropyLoss" : "BCEWithLogitsLoss"}`,
    });
  }
  return made as Criterion;
}

/** Whether class weights reach a loss: where it has a `weight` of its own, that one holds. */
export function takesClassWeights(criterion: Criterion): criterion is Criterion & { weight: Tensor | null } {
  return criterion instanceof nn.Module && "weight" in criterion;
}

/** The loss of `model.loss`. */
export function customLoss(
  criterion: Criterion,
  logits: Tensor,
  labels: Tensor,
  { logPrior }: Pick<ClassFactors, "logPrior">,
  { logitAdjustment }: ClassificationModelOptions,
): Tensor {
  const adjusted = logPrior === undefined ? logits : logits.add(logPrior, { alpha: logitAdjustment });
  // These compare a number for each class.
  const isDense = criterion instanceof nn.BCEWithLogitsLoss || criterion instanceof nn.MSELoss;
  const targets = isDense ? nn.functional.binaryTargets(logits, labels) : labels;
  const loss = criterion instanceof nn.Module ? criterion.call(adjusted, targets) : criterion(adjusted, targets);
  if (loss instanceof Tensor && loss.numel === 1) return loss;
  const received = loss instanceof Tensor ? `a tensor of shape [${loss.shape.join(", ")}]` : typeof loss;
  throw new CtError({
    code: "classifier/loss",
    what: `model.loss: expected a loss that gives one number for a batch, received ${received}`,
    where: "model.loss",
    fix: "use reduction: mean",
  });
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
export function checkLossOptions({
  task,
  lossName,
  logitAdjustment,
  bceTargetThreshold,
  loss,
}: ClassificationModelOptions): void {
  if (logitAdjustment > 0 && task === "multilabel") {
    throw new CtError({
      code: "classifier/loss",
      what: "model.logit_adjustment: expected one label per image, received multilabel data",
      where: "model.logit_adjustment",
      fix: "leave it out: data.class_weights weighs the positive samples of rare classes",
    });
  }
  if (logitAdjustment > 0 && lossName === "bce" && loss === null) {
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
