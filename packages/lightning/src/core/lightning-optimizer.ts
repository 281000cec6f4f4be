import type { optim, Tensor } from "@classifier-training/torch";
import type { Awaitable } from "../utilities/awaitable.ts";

/** How a trainer steps an optimizer: around the update lie the precision's scaling, the hooks and the clipping. */
export type StepRunner = (
  optimizer: optim.Optimizer,
  closure: (() => Awaitable<Tensor | undefined>) | undefined,
) => Awaitable<void>;

/** An optimizer that steps through the trainer, so that its steps are counted and its hooks run. */
export class LightningOptimizer {
  readonly optimizer: optim.Optimizer;
  readonly #run: StepRunner;

  constructor(optimizer: optim.Optimizer, run: StepRunner) {
    this.optimizer = optimizer;
    this.#run = run;
  }

  step(closure?: () => Awaitable<Tensor | undefined>): Awaitable<void> {
    return this.#run(this.optimizer, closure);
  }

  zeroGrad(): void {
    this.optimizer.zeroGrad();
  }

  get paramGroups(): optim.Optimizer["paramGroups"] {
    return this.optimizer.paramGroups;
  }
}
