import { z } from "zod";
import { adamwStep, canFuseStep, laidOutLike } from "../fused/optimizer-step.ts";
import { zerosLike } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  type FusedPass,
  Optimizer,
  type ParamState,
  type Params,
  type StateFields,
  type Trained,
} from "./optimizer.ts";
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

export const adamOptionsSchema = z.strictObject({
  ...adamShape,
  weightDecay: z.number().min(0).default(0).describe("L2 penalty, added to the gradient"),
  amsgrad,
  maximize,
});
export const adamWOptionsSchema = z.strictObject({
  ...adamShape,
  weightDecay: z.number().min(0).default(1e-2).describe("fraction of the weights subtracted each step, times lr"),
  amsgrad,
  maximize,
});

type AdamGroup = ParamGroup & z.infer<typeof adamOptionsSchema>;

interface AdamState extends ParamState {
  step: number;
  expAvg: Tensor;
  expAvgSq: Tensor;
}

function freshState(param: Tensor): AdamState {
  return { step: 0, expAvg: zerosLike(param), expAvgSq: zerosLike(param) };
}

abstract class AdamBase extends Optimizer<AdamGroup> {
  /** Whether weight decay shrinks the weights themselves, or is a part of the gradient. */
  protected abstract readonly decoupled: boolean;

  protected override stateFields({ amsgrad }: AdamGroup): StateFields {
    const largest = amsgrad ? ({ maxExpAvgSq: "tensor" } as const) : {};
    return { step: "number", expAvg: "tensor", expAvgSq: "tensor", ...largest };
  }

  protected override get impliedOptions(): Readonly<Record<string, unknown>> {
    return { ...super.impliedOptions, decoupledWeightDecay: this.decoupled };
  }

  protected override fuses({ amsgrad, maximize }: AdamGroup, trained: readonly Trained[]): boolean {
    return !amsgrad && !maximize && canFuseStep(trained.map(({ param }) => param));
  }

  protected override update(group: AdamGroup, trained: readonly Trained[]): void {
    for (const { param, grad } of trained) this.#updateOne(group, param, group.maximize ? grad.neg() : grad);
  }

  /** All parameters in one pass over memory; those added later, with other step counts, in another pass. */
  protected override updateFused(group: AdamGroup, trained: readonly Trained[], pass: FusedPass): void {
    const { lr, betas, eps, weightDecay } = group;
    const averageOf = new Map(trained.map(({ param }, i) => [param, pass.ema[i]]));
    const bySteps = new Map<number, Trained[]>();
    for (const one of trained) {
      const state = this.stateOf<AdamState>(one.param, () => freshState(one.param));
      state.step++;
      state.expAvg = laidOutLike(state.expAvg, one.param);
      state.expAvgSq = laidOutLike(state.expAvgSq, one.param);
      const peers = bySteps.get(state.step);
      if (peers === undefined) bySteps.set(state.step, [one]);
      else peers.push(one);
    }
    for (const [step, peers] of bySteps) {
      const states = peers.map(({ param }) => this.state.get(param) as AdamState);
      adamwStep({
        params: peers.map(({ param }) => param),
        grads: peers.map(({ grad }) => grad),
        expAvgs: states.map(({ expAvg }) => expAvg),
        expAvgSqs: states.map(({ expAvgSq }) => expAvgSq),
        step,
        lr,
        betas,
        eps,
        weightDecay,
        decoupled: this.decoupled,
        ...pass,
        ema: peers.flatMap(({ param }) => averageOf.get(param) ?? []),
      });
    }
  }

  #updateOne(group: AdamGroup, param: Tensor, gradient: Tensor): void {
    const { lr, eps, weightDecay } = group;
    const [beta1, beta2] = group.betas;
    const state = this.stateOf<AdamState>(param, () => ({
      ...freshState(param),
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

  constructor(params: Params, options: z.input<typeof adamOptionsSchema> = {}) {
    super(params, adamOptionsSchema, options);
  }
}

/** Adam with weight decay apart from the gradient (Loshchilov and Hutter, 2019). */
export class AdamW extends AdamBase {
  protected override readonly decoupled = true;

  constructor(params: Params, options: z.input<typeof adamWOptionsSchema> = {}) {
    super(params, adamWOptionsSchema, options);
  }
}
