import { z } from "zod";
import { zerosLike } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { betasSchema } from "./adam.ts";
import { Optimizer, type ParamState, type Params, type StateFields, type Trained } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";

const shared = {
  betas: betasSchema.default([0.9, 0.999]),
  eps: z.number().min(0).default(1e-8),
  weightDecay: z.number().min(0).default(0).describe("L2 penalty, added to the gradient; see decoupledWeightDecay"),
};
const decoupledWeightDecay = z.boolean().default(false).describe("shrink the weights themselves, as AdamW does");

export const nAdamOptionsSchema = z.strictObject({
  lr: z.number().min(0).default(2e-3),
  ...shared,
  momentumDecay: z.number().min(0).default(4e-3),
  decoupledWeightDecay,
});
export const rAdamOptionsSchema = z.strictObject({
  lr: z.number().min(0).default(1e-3),
  ...shared,
  decoupledWeightDecay,
});

interface Moments extends ParamState {
  step: number;
  expAvg: Tensor;
  expAvgSq: Tensor;
}

const momentFields: StateFields = { step: "number", expAvg: "tensor", expAvgSq: "tensor" };
const freshMoments = (param: Tensor) => ({ step: 0, expAvg: zerosLike(param), expAvgSq: zerosLike(param) });

type DecayingGroup = ParamGroup &
  Pick<z.infer<typeof nAdamOptionsSchema>, "lr" | "weightDecay" | "decoupledWeightDecay">;

/** Applies weight decay, decoupled or as L2 penalty; returns the gradient to use. */
function decay({ lr, weightDecay, decoupledWeightDecay }: DecayingGroup, param: Tensor, grad: Tensor): Tensor {
  if (weightDecay === 0) return grad;
  if (!decoupledWeightDecay) return grad.add(param, { alpha: weightDecay });
  param.mul_(1 - lr * weightDecay);
  return grad;
}

function advance(state: Moments, grad: Tensor, [beta1, beta2]: readonly [number, number]): void {
  state.step++;
  state.expAvg.lerp_(grad, 1 - beta1);
  state.expAvgSq.mul_(beta2).addcmul_(grad, grad, { value: 1 - beta2 });
}

type NAdamGroup = ParamGroup & z.infer<typeof nAdamOptionsSchema>;

/** Adam with Nesterov's momentum (Dozat, 2016), as torch.optim.NAdam. */
export class NAdam extends Optimizer<NAdamGroup> {
  constructor(params: Params, options: z.input<typeof nAdamOptionsSchema> = {}) {
    super(params, nAdamOptionsSchema, options);
  }

  protected override stateFields(): StateFields {
    return { ...momentFields, muProduct: "number" };
  }

  protected override update(group: NAdamGroup, trained: readonly Trained[]): void {
    const { lr, eps, betas, momentumDecay } = group;
    const [beta1, beta2] = betas;
    for (const { param, grad: raw } of trained) {
      const state = this.stateOf<Moments & { muProduct: number }>(param, () => ({
        ...freshMoments(param),
        muProduct: 1,
      }));
      const grad = decay(group, param, raw);
      advance(state, grad, betas);
      const muAt = (step: number) => beta1 * (1 - 0.5 * 0.96 ** (step * momentumDecay));
      const [mu, muNext] = [muAt(state.step), muAt(state.step + 1)];
      state.muProduct *= mu;
      const root = state.expAvgSq
        .div(1 - beta2 ** state.step)
        .sqrt()
        .add_(eps);
      param.addcdiv_(grad, root, { value: (-lr * (1 - mu)) / (1 - state.muProduct) });
      param.addcdiv_(state.expAvg, root, { value: (-lr * muNext) / (1 - state.muProduct * muNext) });
    }
  }
}

type RAdamGroup = ParamGroup & z.infer<typeof rAdamOptionsSchema>;

/** Adam whose adaptive rate waits until its variance is tractable (Liu et al., 2020), as torch.optim.RAdam. */
export class RAdam extends Optimizer<RAdamGroup> {
  constructor(params: Params, options: z.input<typeof rAdamOptionsSchema> = {}) {
    super(params, rAdamOptionsSchema, options);
  }

  protected override stateFields(): StateFields {
    return momentFields;
  }

  protected override update(group: RAdamGroup, trained: readonly Trained[]): void {
    const { lr, eps, betas } = group;
    const [beta1, beta2] = betas;
    for (const { param, grad: raw } of trained) {
      const state = this.stateOf<Moments>(param, () => freshMoments(param));
      advance(state, decay(group, param, raw), betas);
      const { step } = state;
      const correction2 = 1 - beta2 ** step;
      const stepSize = lr / (1 - beta1 ** step);
      // Length of the approximated simple moving average, now and in the limit.
      const rhoInfinity = 2 / (1 - beta2) - 1;
      const rho = rhoInfinity - (2 * step * beta2 ** step) / correction2;
      if (rho <= 5) {
        param.add_(state.expAvg, { alpha: -stepSize });
        continue;
      }
      const rectifier = Math.sqrt(
        ((rho - 4) * (rho - 2) * rhoInfinity) / ((rhoInfinity - 4) * (rhoInfinity - 2) * rho),
      );
      const adaptive = Math.sqrt(correction2) * rectifier;
      param.addcdiv_(state.expAvg, state.expAvgSq.sqrt().add_(eps), { value: -stepSize * adaptive });
    }
  }
}
