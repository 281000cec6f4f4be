import { z } from "zod";
import { zerosLike } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Optimizer, type ParamState, type Params, type StateFields, type Trained } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";

export const rmsPropOptionsSchema = z.strictObject({
  lr: z.number().min(0).default(1e-2),
  alpha: z.number().min(0).default(0.99).describe("decay rate of the mean of the squared gradient"),
  eps: z.number().min(0).default(1e-8),
  weightDecay: z.number().min(0).default(0).describe("L2 penalty, added to the gradient"),
  momentum: z.number().min(0).default(0),
  centered: z.boolean().default(false).describe("divide by the deviation instead of the root mean square"),
  maximize: z.boolean().default(false),
});

type RmsPropGroup = ParamGroup & z.infer<typeof rmsPropOptionsSchema>;

interface RmsPropState extends ParamState {
  step: number;
  squareAvg: Tensor;
}

/** RMSprop (Hinton's lecture 6), as torch.optim.RMSprop. */
export class RMSprop extends Optimizer<RmsPropGroup> {
  constructor(params: Params, options: z.input<typeof rmsPropOptionsSchema> = {}) {
    super(params, rmsPropOptionsSchema, options);
  }

  protected override stateFields({ momentum, centered }: RmsPropGroup): StateFields {
    return {
      ...{ step: "number", squareAvg: "tensor" },
      ...(momentum > 0 ? { momentumBuffer: "tensor" } : {}),
      ...(centered ? { gradAvg: "tensor" } : {}),
    };
  }

  protected override update(group: RmsPropGroup, trained: readonly Trained[]): void {
    for (const { param, grad } of trained) this.#updateOne(group, param, group.maximize ? grad.neg() : grad);
  }

  #updateOne(group: RmsPropGroup, param: Tensor, gradient: Tensor): void {
    const { lr, alpha, eps, weightDecay, momentum, centered } = group;
    const state = this.stateOf<RmsPropState>(param, () => ({
      step: 0,
      squareAvg: zerosLike(param),
      ...(momentum > 0 ? { momentumBuffer: zerosLike(param) } : {}),
      ...(centered ? { gradAvg: zerosLike(param) } : {}),
    }));
    state.step++;
    const grad = weightDecay === 0 ? gradient : gradient.add(param, { alpha: weightDecay });
    state.squareAvg.mul_(alpha).addcmul_(grad, grad, { value: 1 - alpha });
    const { gradAvg, momentumBuffer } = state;
    const variance =
      typeof gradAvg === "object"
        ? state.squareAvg.addcmul(gradAvg.lerp_(grad, 1 - alpha), gradAvg, { value: -1 })
        : state.squareAvg;
    const root = variance.sqrt().add_(eps);
    if (typeof momentumBuffer === "object") {
      param.add_(momentumBuffer.mul_(momentum).addcdiv_(grad, root), { alpha: -lr });
    } else {
      param.addcdiv_(grad, root, { value: -lr });
    }
  }
}
