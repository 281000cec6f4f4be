import { z } from "zod";
import { zerosLike } from "../tensor/create.ts";
import { betasSchema } from "./adam.ts";
import { Optimizer, type Params, type StateFields, type Trained } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";

export const lionOptionsSchema = z.strictObject({
  lr: z.number().min(0).default(1e-4),
  betas: betasSchema.default([0.9, 0.99]),
  weightDecay: z.number().min(0).default(0),
});

type LionGroup = ParamGroup & z.infer<typeof lionOptionsSchema>;

/** Lion (Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023): steps by the sign of a momentum. */
export class Lion extends Optimizer<LionGroup> {
  constructor(params: Params, options: z.input<typeof lionOptionsSchema> = {}) {
    super(params, lionOptionsSchema, options);
  }

  protected override stateFields(): StateFields {
    return { expAvg: "tensor" };
  }

  protected override update({ lr, betas, weightDecay }: LionGroup, trained: readonly Trained[]): void {
    const [beta1, beta2] = betas;
    for (const { param, grad } of trained) {
      const { expAvg } = this.stateOf(param, () => ({ expAvg: zerosLike(param) }));
      if (weightDecay !== 0) param.mul_(1 - lr * weightDecay);
      param.add_(expAvg.lerp(grad, 1 - beta1).sign(), { alpha: -lr });
      expAvg.lerp_(grad, 1 - beta2);
    }
  }
}
