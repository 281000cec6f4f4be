import { z } from "zod";
import { onesLike, zerosLike } from "../tensor/create.ts";
import { Optimizer, type ParamState, type Params, type StateFields, type Trained } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";

export const rmsPropTfOptionsSchema = z.strictObject({
  lr: z.number().min(0).default(1e-2),
  alpha: z.number().min(0).default(0.9).describe("decay rate of the mean of the squared gradient"),
  eps: z.number().min(0).default(1e-10).describe("added to the mean before its root is taken"),
  weightDecay: z.number().min(0).default(0),
  momentum: z.number().min(0).default(0),
  centered: z.boolean().default(false).describe("divide by the deviation instead of the root mean square"),
  decoupledDecay: z.boolean().default(false).describe("shrink the weights themselves, as AdamW does"),
  lrInMomentum: z.boolean().default(true).describe("momentum holds steps, and not gradients that the rate multiplies"),
});

type RmsPropTfGroup = ParamGroup & z.infer<typeof rmsPropTfOptionsSchema>;

interface RmsPropTfState extends ParamState {
  step: number;
}

/** RMSprop as TensorFlow computes it, with which EfficientNet and MobileNetV3 were trained: timm.optim.RMSpropTF. */
export class RMSpropTF extends Optimizer<RmsPropTfGroup> {
  constructor(params: Params, options: z.input<typeof rmsPropTfOptionsSchema> = {}) {
    super(params, rmsPropTfOptionsSchema, options);
  }

  protected override stateFields({ momentum, centered }: RmsPropTfGroup): StateFields {
    return {
      ...{ step: "number", squareAvg: "tensor" },
      ...(momentum > 0 ? { momentumBuffer: "tensor" } : {}),
      ...(centered ? { gradAvg: "tensor" } : {}),
    };
  }

  protected override update(group: RmsPropTfGroup, trained: readonly Trained[]): void {
    const { lr, alpha, eps, weightDecay, momentum, centered, decoupledDecay, lrInMomentum } = group;
    for (const { param, grad: gradient } of trained) {
      const state = this.stateOf<RmsPropTfState>(param, () => ({
        step: 0,
        squareAvg: onesLike(param),
        ...(momentum > 0 ? { momentumBuffer: zerosLike(param) } : {}),
        ...(centered ? { gradAvg: zerosLike(param) } : {}),
      }));
      state.step++;
      const penalized = weightDecay !== 0 && !decoupledDecay;
      if (weightDecay !== 0 && decoupledDecay) param.mul_(1 - lr * weightDecay);
      const grad = penalized ? gradient.add(param, { alpha: weightDecay }) : gradient;
      const { squareAvg, gradAvg, momentumBuffer } = state;
      if (typeof squareAvg !== "object") continue;
      squareAvg.mul_(alpha).addcmul_(grad, grad, { value: 1 - alpha });
      const variance =
        typeof gradAvg === "object"
          ? squareAvg.addcmul(gradAvg.lerp_(grad, 1 - alpha), gradAvg, { value: -1 })
          : squareAvg;
      const root = variance.add(eps).sqrt_();
      if (typeof momentumBuffer !== "object") param.addcdiv_(grad, root, { value: -lr });
      else {
        momentumBuffer.mul_(momentum).addcdiv_(grad, root, { value: lrInMomentum ? lr : 1 });
        param.sub_(momentumBuffer, { alpha: lrInMomentum ? 1 : lr });
      }
    }
  }
}
