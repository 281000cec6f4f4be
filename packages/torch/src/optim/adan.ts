import { z } from "zod";
import { zerosLike } from "../tensor/create.ts";
import { Optimizer, type Params, type StateFields, type Trained } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";

const beta = z.number().min(0).lt(1);

export const adanOptionsSchema = z.strictObject({
  lr: z.number().min(0).default(1e-3),
  betas: z
    .tuple([beta, beta, beta])
    .default([0.98, 0.92, 0.99])
    .describe("decay rates of the means of the gradient, of its change, and of the square of both"),
  eps: z.number().min(0).default(1e-8),
  weightDecay: z.number().min(0).default(0),
  noProx: z.boolean().default(false).describe("decay the weights before the step, as AdamW does"),
});

type AdanGroup = ParamGroup & z.infer<typeof adanOptionsSchema>;

/** Adan (Xie et al., "Adaptive Nesterov Momentum Algorithm", 2022), as timm.optim.Adan. */
export class Adan extends Optimizer<AdanGroup> {
  constructor(params: Params, options: z.input<typeof adanOptionsSchema> = {}) {
    super(params, adanOptionsSchema, options);
  }

  protected override stateFields(): StateFields {
    return { step: "number", expAvg: "tensor", expAvgSq: "tensor", expAvgDiff: "tensor", preGrad: "tensor" };
  }

  protected override update(group: AdanGroup, trained: readonly Trained[]): void {
    const { lr, eps, weightDecay, noProx } = group;
    const [beta1, beta2, beta3] = group.betas;
    for (const { param, grad } of trained) {
      const state = this.stateOf(param, () => ({
        step: 0,
        expAvg: zerosLike(param),
        expAvgSq: zerosLike(param),
        expAvgDiff: zerosLike(param),
        preGrad: grad.clone(),
      }));
      state.step++;
      const change = grad.sub(state.preGrad);
      state.preGrad.copy_(grad);
      state.expAvg.mul_(beta1).add_(grad, { alpha: 1 - beta1 });
      state.expAvgDiff.mul_(beta2).add_(change, { alpha: 1 - beta2 });
      const ahead = change.mul_(beta2).add_(grad);
      state.expAvgSq.mul_(beta3).addcmul_(ahead, ahead, { value: 1 - beta3 });
      const root = state.expAvgSq
        .sqrt()
        .div_(Math.sqrt(1 - beta3 ** state.step))
        .add_(eps);
      if (noProx) param.mul_(1 - lr * weightDecay);
      param.addcdiv_(state.expAvg, root, { value: -lr / (1 - beta1 ** state.step) });
      param.addcdiv_(state.expAvgDiff, root, { value: (-lr * beta2) / (1 - beta2 ** state.step) });
      if (!noProx) param.div_(1 + lr * weightDecay);
    }
  }
}
