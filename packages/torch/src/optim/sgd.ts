import { z } from "zod";
import { canFuseStep, laidOutLike, sgdStep } from "../fused/optimizer-step.ts";
import { zerosLike } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type FusedPass, Optimizer, type Params, type StateFields, type Trained } from "./optimizer.ts";
import { optionError } from "./options.ts";
import type { ParamGroup } from "./param-group.ts";

export const sgdOptionsSchema = z.strictObject({
  lr: z.number().min(0).default(1e-3),
  momentum: z.number().min(0).default(0),
  dampening: z.number().default(0).describe("fraction of the gradient that does not enter the momentum"),
  weightDecay: z.number().min(0).default(0).describe("L2 penalty, added to the gradient"),
  nesterov: z.boolean().default(false),
  maximize: z.boolean().default(false).describe("climb instead of descend"),
});

type SgdOptions = z.infer<typeof sgdOptionsSchema>;
type SgdGroup = ParamGroup & SgdOptions;

/** Stochastic gradient descent with momentum, as torch.optim.SGD (Sutskever et al., 2013, for Nesterov's). */
export class SGD extends Optimizer<SgdGroup> {
  constructor(params: Params, options: z.input<typeof sgdOptionsSchema> = {}) {
    super(params, sgdOptionsSchema, options);
  }

  protected override checkGroup({ nesterov, momentum, dampening }: SgdGroup): void {
    if (!nesterov || (momentum > 0 && dampening === 0)) return;
    throw optionError("SGD", "nesterov needs a momentum above 0 and no dampening");
  }

  protected override stateFields({ momentum }: SgdGroup): StateFields {
    return momentum === 0 ? {} : { momentumBuffer: "tensor" };
  }

  protected override fuses(group: SgdGroup, trained: readonly Trained[]): boolean {
    const isNew = trained.filter(({ param }) => !this.state.has(param)).length;
    const atOnce = isNew === 0 || isNew === trained.length;
    return !group.maximize && atOnce && canFuseStep(trained.map(({ param }) => param));
  }

  protected override update(group: SgdGroup, trained: readonly Trained[]): void {
    for (const { param, grad } of trained) param.add_(this.#direction(group, param, grad), { alpha: -group.lr });
  }

  /** All parameters in one pass over memory. */
  protected override updateFused(group: SgdGroup, trained: readonly Trained[], pass: FusedPass): void {
    const { lr, momentum, dampening, weightDecay, nesterov } = group;
    const firstStep = trained.some(({ param }) => !this.state.has(param));
    const momentumBuffers = trained.flatMap(({ param }) => {
      if (momentum === 0) return [];
      const state = this.stateOf(param, () => ({ momentumBuffer: zerosLike(param) }));
      state.momentumBuffer = laidOutLike(state.momentumBuffer, param);
      return [state.momentumBuffer];
    });
    sgdStep({
      params: trained.map(({ param }) => param),
      grads: trained.map(({ grad }) => grad),
      momentumBuffers,
      firstStep,
      lr,
      momentum,
      dampening,
      weightDecay,
      nesterov,
      ...pass,
    });
  }

  #direction(group: SgdGroup, param: Tensor, grad: Tensor): Tensor {
    const { momentum, dampening, nesterov, weightDecay, maximize } = group;
    let step = maximize ? grad.neg() : grad;
    if (weightDecay !== 0) step = step.add(param, { alpha: weightDecay });
    if (momentum === 0) return step;
    const isFirst = !this.state.has(param);
    const { momentumBuffer } = this.stateOf(param, () => ({ momentumBuffer: step.clone() }));
    if (!isFirst) momentumBuffer.mul_(momentum).add_(step, { alpha: 1 - dampening });
    return nesterov ? step.add(momentumBuffer, { alpha: momentum }) : momentumBuffer;
  }
}
