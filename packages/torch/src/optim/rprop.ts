import { z } from "zod";
import { fullLike, zerosLike } from "../tensor/create.ts";
import { Optimizer, type Params, type StateFields, type Trained } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";

export const rpropOptionsSchema = z.strictObject({
  lr: z.number().min(0).default(1e-2).describe("the first step size"),
  etas: z
    .tuple([z.number().gt(0).lt(1), z.number().gt(1)])
    .default([0.5, 1.2])
    .describe("factors of the step size when the gradient changes its sign, and when it keeps it"),
  stepSizes: z.tuple([z.number(), z.number()]).default([1e-6, 50]).describe("smallest and largest step size"),
  maximize: z.boolean().default(false),
});

type RpropGroup = ParamGroup & z.infer<typeof rpropOptionsSchema>;

/** Resilient backpropagation (Riedmiller and Braun, 1993), as torch.optim.Rprop. */
export class Rprop extends Optimizer<RpropGroup> {
  constructor(params: Params, options: z.input<typeof rpropOptionsSchema> = {}) {
    super(params, rpropOptionsSchema, options);
  }

  protected override stateFields(): StateFields {
    return { step: "number", prev: "tensor", stepSize: "tensor" };
  }

  protected override update({ lr, etas, stepSizes, maximize }: RpropGroup, trained: readonly Trained[]): void {
    for (const { param, grad: raw } of trained) {
      const state = this.stateOf(param, () => ({ step: 0, prev: zerosLike(param), stepSize: fullLike(param, lr) }));
      state.step++;
      const gradient = maximize ? raw.neg() : raw;
      const agreement = gradient.mul(state.prev);
      const [turned, kept] = [agreement.lt(0), agreement.gt(0)];
      const factor = fullLike(param, 1).maskedFill_(turned, etas[0]).maskedFill_(kept, etas[1]);
      state.stepSize.mul_(factor).clamp_(...stepSizes);
      const grad = gradient.clone().maskedFill_(turned, 0);
      param.addcmul_(grad.sign(), state.stepSize, { value: -1 });
      state.prev.copy_(grad);
    }
  }
}
