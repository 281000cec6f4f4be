import type { DType, optim, Tensor } from "@classifier-training/torch";
import type { LightningModule } from "../core/module.ts";

/** In which number formats the model computes. */
export interface Precision {
  readonly name: string;
  /** Converts the module once, before the optimizers are made. */
  convertModule(module: LightningModule): void;
  /** Converts a batch's floating-point tensors, when the model cannot take float32. */
  readonly inputDtype: DType | undefined;
  /** Runs a forward pass (synchronously) in its context. */
  forward<T>(run: () => T): T;
  /** The loss as it must be differentiated. */
  scaleLoss(loss: Tensor): Tensor;
  /** Makes gradients comparable before they are clipped. */
  unscale(optimizer: optim.Optimizer): void;
  step(optimizer: optim.Optimizer): void;
  stateDict(): Record<string, unknown>;
  loadStateDict(state: Record<string, unknown>): void;
}
