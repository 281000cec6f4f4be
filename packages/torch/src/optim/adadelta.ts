import { z } from "zod";
import { zerosLike } from "../tensor/create.ts";
import { Optimizer, type Params, type StateFields, type Trained } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";

export const adadeltaOptionsSchema = z.strictObject({
  lr: z.number().min(0).default(1),
  rho: z.number().min(0).max(1).default(0.9).describe("decay rate of the means of squares"),
  eps: z.number().min(0).default(1e-6),
  weightDecay: z.number().min(0).default(0).describe("L2 penalty, added to the gradient"),
  maximize: z.boolean().default(false),
});

type AdadeltaGroup = ParamGroup & z.infer<typeof adadeltaOptionsSchema>;

/** Adadelta (Zeiler, 2012), as torch.optim.Adadelta. */
export class Adadelta extends Optimizer<AdadeltaGroup> {
  constructor(params: Params, options: z.input<typeof adadeltaOptionsSchema> = {}) {
    super(params, adadeltaOptionsSchema, options);
  }

  protected override stateFields(): StateFields {
    return { step: "number", squareAvg: "tensor", accDelta: "tensor" };
  }

  protected override update(group: AdadeltaGroup, trained: readonly Trained[]): void {
    const { lr, rho, eps, weightDecay, maximize } = group;
    for (const { param, grad: raw } of trained) {
      const state = this.stateOf(param, () => ({ step: 0, squareAvg: zerosLike(param), accDelta: zerosLike(param) }));
      state.step++;
      const gradient = maximize ? raw.neg() : raw;
      const grad = weightDecay === 0 ? gradient : gradient.add(param, { alpha: weightDecay });
      state.squareAvg.mul_(rho).addcmul_(grad, grad, { value: 1 - rho });
      const delta = state.accDelta.add(eps).sqrt_().div_(state.squareAvg.add(eps).sqrt_()).mul_(grad);
      state.accDelta.mul_(rho).addcmul_(delta, delta, { value: 1 - rho });
      param.add_(delta, { alpha: -lr });
    }
  }
}
