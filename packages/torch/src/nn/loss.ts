import type { Tensor } from "../tensor/tensor.ts";
import * as F from "./functional/loss.ts";
import { Module } from "./module.ts";

/** A loss with fixed options. Class weights are a buffer, so that they move with the module, but are not saved. */
abstract class Loss<Options extends { readonly weight?: Tensor | null }> extends Module<[Tensor, Tensor]> {
  readonly options: Omit<Options, "weight">;
  declare weight: Tensor | null;

  constructor({ weight = null, ...options }: Options) {
    super();
    this.options = options;
    this.registerBuffer("weight", weight, { persistent: false });
  }
}

/** `functional.crossEntropy` of (logits, target). */
export class CrossEntropyLoss extends Loss<F.CrossEntropyArguments> {
  constructor(options: F.CrossEntropyArguments = {}) {
    super(options);
  }

  override forward(logits: Tensor, target: Tensor): Tensor {
    return F.crossEntropy(logits, target, { ...this.options, weight: this.weight });
  }
}

/** `functional.focalLoss` of (logits, target). */
export class FocalLoss extends Loss<F.FocalLossArguments> {
  constructor(options: F.FocalLossArguments = {}) {
    super(options);
  }

  override forward(logits: Tensor, target: Tensor): Tensor {
    return F.focalLoss(logits, target, { ...this.options, weight: this.weight });
  }
}

/** `functional.nllLoss` of (log probabilities, target). */
export class NLLLoss extends Loss<Omit<F.CrossEntropyArguments, "labelSmoothing">> {
  constructor(options: Omit<F.CrossEntropyArguments, "labelSmoothing"> = {}) {
    super(options);
  }

  override forward(logProbabilities: Tensor, target: Tensor): Tensor {
    return F.nllLoss(logProbabilities, target, { ...this.options, weight: this.weight });
  }
}

/** `functional.binaryCrossEntropy` of (probabilities, target). */
export class BCELoss extends Loss<F.BceArguments> {
  constructor(options: F.BceArguments = {}) {
    super(options);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropy(input, target, { ...this.options, weight: this.weight });
  }
}

/** `functional.binaryCrossEntropyWithLogits` of (logits, target). */
export class BCEWithLogitsLoss extends Loss<F.BceArguments> {
  declare pos_weight: Tensor | null;

  constructor({ posWeight = null, ...options }: F.BceArguments & { readonly posWeight?: Tensor | null } = {}) {
    super(options);
    this.registerBuffer("pos_weight", posWeight, { persistent: false });
  }

  override forward(logits: Tensor, target: Tensor): Tensor {
    const { weight, pos_weight: posWeight } = this;
    return F.binaryCrossEntropyWithLogits(logits, target, { ...this.options, weight, posWeight });
  }
}

/** `functional.mseLoss` of (input, target). */
export class MSELoss extends Module<[Tensor, Tensor]> {
  readonly reduction: F.Reduction;

  constructor({ reduction = "mean" }: { readonly reduction?: F.Reduction } = {}) {
    super();
    this.reduction = reduction;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.mseLoss(input, target, this);
  }
}

export interface BinaryCrossEntropyOptions extends F.BceArguments {
  /** Label smoothing of class indices; probabilities are taken as they are. */
  readonly smoothing?: number;
  /** Makes targets above it 1, and the rest 0. */
  readonly targetThreshold?: number | null;
  /** Sums over classes, and takes the mean over samples. */
  readonly sumClasses?: boolean;
  readonly posWeight?: Tensor | null;
}

/** timm's BinaryCrossEntropy of (logits, class indices or probabilities). */
export class BinaryCrossEntropy extends Loss<BinaryCrossEntropyOptions> {
  declare pos_weight: Tensor | null;

  constructor({ posWeight = null, ...options }: BinaryCrossEntropyOptions = {}) {
    super(options);
    this.registerBuffer("pos_weight", posWeight, { persistent: false });
  }

  override forward(logits: Tensor, target: Tensor): Tensor {
    const { smoothing = 0.1, targetThreshold: threshold = null, sumClasses = false, reduction = "mean" } = this.options;
    const labelSmoothing = target.ndim === 1 ? smoothing : 0;
    const targets = F.binaryTargets(logits, target, { labelSmoothing, threshold });
    const { weight, pos_weight: posWeight } = this;
    const options = { weight, posWeight, reduction: sumClasses ? ("none" as const) : reduction };
    const loss = F.binaryCrossEntropyWithLogits(logits.to({ dtype: targets.dtype }), targets, options);
    return sumClasses ? loss.sum(1).mean() : loss;
  }
}

/** `functional.asymmetricLoss` of (logits, class indices). */
export class AsymmetricLossSingleLabel extends Module<[Tensor, Tensor]> {
  readonly options: F.AsymmetricLossArguments;

  constructor(options: F.AsymmetricLossArguments = {}) {
    super();
    this.options = options;
  }

  override forward(logits: Tensor, target: Tensor): Tensor {
    return F.asymmetricLoss(logits, target, this.options);
  }
}
