import { z } from "zod";
import { fullLike } from "../tensor/create.ts";
import { Optimizer, type Params, type StateFields, type Trained } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";

export const adagradOptionsSchema = z.strictObject({
  lr: z.number().min(0).default(1e-2),
  lrDecay: z.number().min(0).default(0),
  weightDecay: z.number().min(0).default(0).describe("L2 penalty, added to the gradient"),
  initialAccumulatorValue: z.number().min(0).default(0),
  eps: z.number().min(0).default(1e-10),
  maximize: z.boolean().default(false),
});

type AdagradGroup = ParamGroup & z.infer<typeof adagradOptionsSchema>;

/** Adagrad (Duchi et al., 2011), as torch.optim.Adagrad. */
export class Adagrad extends Optimizer<AdagradGroup> {
  constructor(params: Params, options: z.input<typeof adagradOptionsSchema> = {}) {
    super(params, adagradOptionsSchema, options);
  }

  protected override stateFields(): StateFields {
    return { step: "number", sum: "tensor" };
  }

  protected override update(group: AdagradGroup, trained: readonly Trained[]): void {
    const { lr, lrDecay, weightDecay, eps, initialAccumulatorValue, maximize } = group;
    for (const { param, grad: raw } of trained) {
      const state = this.stateOf(param, () => ({ step: 0, sum: fullLike(param, initialAccumulatorValue) }));
      state.step++;
      const gradient = maximize ? raw.neg() : raw;
      const grad = weightDecay === 0 ? gradient : gradient.add(param, { alpha: weightDecay });
      state.sum.addcmul_(grad, grad);
      param.addcdiv_(grad, state.sum.sqrt().add_(eps), { value: -lr / (1 + (state.step - 1) * lrDecay) });
    }
  }
}
