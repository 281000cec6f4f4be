import { z } from "zod";
import { zerosLike } from "../tensor/create.ts";
import { betasSchema } from "./adam.ts";
import { Optimizer, type Params, type StateFields, type Trained } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";

export const lambOptionsSchema = z.strictObject({
  lr: z.number().min(0).default(1e-3),
  betas: betasSchema.default([0.9, 0.999]),
  eps: z.number().min(0).default(1e-6),
  weightDecay: z.number().min(0).default(1e-2),
  alwaysAdapt: z.boolean().default(false).describe("scale by the trust ratio without weight decay too"),
});

type LambGroup = ParamGroup & z.infer<typeof lambOptionsSchema>;

/**
 * LAMB (You et al., "Large Batch Optimization for Deep Learning", 2020, algorithm 2): AdamW whose step is scaled, layer
 * by layer, by the norm of the weights over the norm of the step.
 */
export class LAMB extends Optimizer<LambGroup> {
  constructor(params: Params, options: z.input<typeof lambOptionsSchema> = {}) {
    super(params, lambOptionsSchema, options);
  }

  protected override stateFields(): StateFields {
    return { step: "number", expAvg: "tensor", expAvgSq: "tensor" };
  }

  protected override update(group: LambGroup, trained: readonly Trained[]): void {
    const { lr, eps, weightDecay, alwaysAdapt } = group;
    const [beta1, beta2] = group.betas;
    for (const { param, grad } of trained) {
      const state = this.stateOf(param, () => ({ step: 0, expAvg: zerosLike(param), expAvgSq: zerosLike(param) }));
      state.step++;
      state.expAvg.lerp_(grad, 1 - beta1);
      state.expAvgSq.mul_(beta2).addcmul_(grad, grad, { value: 1 - beta2 });
      const root = state.expAvgSq
        .div(1 - beta2 ** state.step)
        .sqrt_()
        .add_(eps);
      const step = state.expAvg.div(1 - beta1 ** state.step).div_(root);
      if (weightDecay !== 0) step.add_(param, { alpha: weightDecay });
      if (weightDecay !== 0 || alwaysAdapt) {
        const [weightNorm, stepNorm] = [param.norm(), step.norm()];
        const ratio = weightNorm.div(stepNorm);
        // A layer of zeros, or a step of zeros, has no ratio: it is taken as it is.
        step.mul_(ratio.where(weightNorm.gt(0).logicalAnd(stepNorm.gt(0)), 1));
      }
      param.add_(step, { alpha: -lr });
    }
  }
}
