import { z } from "zod";
import { zerosLike } from "../tensor/create.ts";
import { betasSchema } from "./adam.ts";
import { Optimizer, type Params, type StateFields, type Trained } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";

export const adamaxOptionsSchema = z.strictObject({
  lr: z.number().min(0).default(2e-3),
  betas: betasSchema.default([0.9, 0.999]),
  eps: z.number().min(0).default(1e-8),
  weightDecay: z.number().min(0).default(0).describe("L2 penalty, added to the gradient"),
  maximize: z.boolean().default(false),
});

type AdamaxGroup = ParamGroup & z.infer<typeof adamaxOptionsSchema>;

/** Adam with the infinity norm (Kingma and Ba, 2015, section 7), as torch.optim.Adamax. */
export class Adamax extends Optimizer<AdamaxGroup> {
  constructor(params: Params, options: z.input<typeof adamaxOptionsSchema> = {}) {
    super(params, adamaxOptionsSchema, options);
  }

  protected override stateFields(): StateFields {
    return { step: "number", expAvg: "tensor", expInf: "tensor" };
  }

  protected override update(group: AdamaxGroup, trained: readonly Trained[]): void {
    const { lr, betas, eps, weightDecay, maximize } = group;
    for (const { param, grad: raw } of trained) {
      const state = this.stateOf(param, () => ({ step: 0, expAvg: zerosLike(param), expInf: zerosLike(param) }));
      state.step++;
      const gradient = maximize ? raw.neg() : raw;
      const grad = weightDecay === 0 ? gradient : gradient.add(param, { alpha: weightDecay });
      state.expAvg.lerp_(grad, 1 - betas[0]);
      state.expInf.copy_(state.expInf.mul(betas[1]).maximum(grad.abs().add_(eps)));
      param.addcdiv_(state.expAvg, state.expInf, { value: -lr / (1 - betas[0] ** state.step) });
    }
  }
}
