import { z } from "zod";
import { zerosLike } from "../tensor/create.ts";
import { Optimizer, type Params, type StateFields, type Trained } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";

export const asgdOptionsSchema = z.strictObject({
  lr: z.number().min(0).default(1e-2),
  lambd: z.number().default(1e-4).describe("decay of the weights"),
  alpha: z.number().default(0.75).describe("power of the rate's decay"),
  t0: z.number().default(1e6).describe("the step at which averaging starts"),
  weightDecay: z.number().min(0).default(0).describe("L2 penalty, added to the gradient"),
  maximize: z.boolean().default(false),
});

type AsgdGroup = ParamGroup & z.infer<typeof asgdOptionsSchema>;

/** Averaged SGD (Polyak and Juditsky, 1992), as torch.optim.ASGD: the averages are `ax` of its state. */
export class ASGD extends Optimizer<AsgdGroup> {
  constructor(params: Params, options: z.input<typeof asgdOptionsSchema> = {}) {
    super(params, asgdOptionsSchema, options);
  }

  protected override stateFields(): StateFields {
    return { step: "number", eta: "number", mu: "number", ax: "tensor" };
  }

  protected override update(group: AsgdGroup, trained: readonly Trained[]): void {
    const { lr, lambd, alpha, t0, weightDecay, maximize } = group;
    for (const { param, grad: raw } of trained) {
      const state = this.stateOf(param, () => ({ step: 0, eta: lr, mu: 1, ax: zerosLike(param) }));
      state.step++;
      const gradient = maximize ? raw.neg() : raw;
      const grad = weightDecay === 0 ? gradient : gradient.add(param, { alpha: weightDecay });
      param.mul_(1 - lambd * state.eta).add_(grad, { alpha: -state.eta });
      if (state.mu === 1) state.ax.copy_(param);
      else state.ax.lerp_(param, state.mu);
      state.eta = lr / (1 + lambd * lr * state.step) ** alpha;
      state.mu = 1 / Math.max(1, state.step - t0);
    }
  }
}
