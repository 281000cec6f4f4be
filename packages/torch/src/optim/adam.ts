import { z } from "zod";
import { zerosLike } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Optimizer, type ParamState, type Params, type Trained } from "./optimizer.ts";
import { parseOptions } from "./options.ts";
import type { ParamGroup } from "./param-group.ts";

/** Decay rates of two running means, each in [0, 1). */
export const betasSchema = z
  .tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)])
  .describe("decay rates of the mean of the gradient and of its square");

const adamShape = {
  lr: z.number().min(0).default(1e-3),
  betas: betasSchema.default([0.9, 0.999]),
  eps: z.number().min(0).default(1e-8),
};
const amsgrad = z.boolean().default(false).describe("divide by the largest second moment so far");
const maximize = z.boolean().default(false).describe("climb instead of descend");

export const adamSchema = z.strictObject({
  ...adamShape,
  weightDecay: z.number().min(0).default(0).describe("L2 penalty, added to the gradient"),
  amsgrad,
  maximize,
});
export const adamWSchema = z.strictObject({
  ...adamShape,
  weightDecay: z.number().min(0).default(1e-2).describe("share of the weights lost each step, times lr"),
  amsgrad,
  maximize,
});

type AdamGroup = ParamGroup & z.infer<typeof adamSchema>;

interface AdamState extends ParamState {
  step: number;
  expAvg: Tensor;
  expAvgSq: Tensor;
}

abstract class AdamBase extends Optimizer<AdamGroup> {
  /** Whether weight decay shrinks the weights themselves, or is a part of the gradient. */
  protected abstract readonly decoupled: boolean;

  protected override update(group: AdamGroup, trained: readonly Trained[]): void {
    for (const { param, grad } of trained) this.#updateOne(group, param, group.maximize ? grad.neg() : grad);
  }

  #updateOne(group: AdamGroup, param: Tensor, gradient: Tensor): void {
    const { lr, eps, weightDecay } = group;
    const [beta1, beta2] = group.betas;
    const state = this.stateOf<AdamState>(param, () => ({
      step: 0,
      expAvg: zerosLike(param),
      expAvgSq: zerosLike(param),
      ...(group.amsgrad ? { maxExpAvgSq: zerosLike(param) } : {}),
    }));
    state.step++;
    let grad = gradient;
    if (weightDecay !== 0) {
      if (this.decoupled) param.mul_(1 - lr * weightDecay);
      else grad = grad.add(param, { alpha: weightDecay });
    }
    state.expAvg.lerp_(grad, 1 - beta1);
    state.expAvgSq.mul_(beta2).addcmul_(grad, grad, { value: 1 - beta2 });
    const stepSize = lr / (1 - beta1 ** state.step);
    const denominator = this.#secondMoment(state)
      .sqrt()
      .div_(Math.sqrt(1 - beta2 ** state.step))
      .add_(eps);
    param.addcdiv_(state.expAvg, denominator, { value: -stepSize });
  }

  #secondMoment({ expAvgSq, maxExpAvgSq }: AdamState): Tensor {
    if (typeof maxExpAvgSq !== "object") return expAvgSq;
    return maxExpAvgSq.copy_(maxExpAvgSq.maximum(expAvgSq));
  }
}

/** Adam (Kingma and Ba, 2015); weight decay is a penalty in the gradient. */
export class Adam extends AdamBase {
  protected override readonly decoupled = false;

  constructor(params: Params, options: z.input<typeof adamSchema> = {}) {
    super(params, parseOptions("Adam", adamSchema, options));
  }
}

/** Adam with weight decay apart from the gradient (Loshchilov and Hutter, 2019). */
export class AdamW extends AdamBase {
  protected override readonly decoupled = true;

  constructor(params: Params, options: z.input<typeof adamWSchema> = {}) {
    super(params, parseOptions("AdamW", adamWSchema, options));
  }
}
