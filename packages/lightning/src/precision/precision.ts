import type { DType, nn, optim, Tensor } from "@classifier-training/torch";

/** What an optimizer of ours does beside its step: clipping by norm, and moving averages of the weights. */
export interface StepPass {
  readonly maxGradNorm?: number;
  readonly ema?: { readonly averages: ReadonlyMap<Tensor, Tensor>; readonly decay: number };
}

/** In which number formats the model computes. */
export interface Precision {
  readonly name: string;
  /** Converts the module once, before the optimizers are made. */
  convertModule(module: nn.AnyModule): void;
  /** Converts a batch's floating-point tensors, when the model cannot take float32. */
  readonly inputDtype: DType | undefined;
  /** Runs a forward pass (synchronously) in its context. */
  forward<T>(run: () => T): T;
  /** The loss as it must be differentiated. */
  scaleLoss(loss: Tensor): Tensor;
  /** Makes gradients comparable before they are clipped. */
  unscale(optimizer: optim.Optimizer): void;
  /** Applies the gradients; `pass` is done in the same pass over memory where `canPass` says so. */
  step(optimizer: optim.Optimizer, pass?: StepPass): void;
  readonly canPass: boolean;
  /** Whether the steps of batches that overflow are skipped, as a gradient scaler does. */
  readonly skipsOverflows: boolean;
  stateDict(): Record<string, unknown>;
  loadStateDict(state: Record<string, unknown>): void;
}
