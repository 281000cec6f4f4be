import type { Tensor } from "@classifier-training/torch";
import { parametersByStage } from "./freeze.ts";
import type { ImageModel } from "./image-model.ts";

export interface ParameterGroupOptions {
  /** Learning rate of the head. */
  readonly lr: number;
  /** Each stage learns at this fraction of the rate of the one after it; 1 (default) gives all the same. */
  readonly layerDecay?: number;
  readonly weightDecay?: number;
  /** No weight decay on biases and normalization (all one-dimensional parameters); default false. */
  readonly skipDecayOnVectors?: boolean;
}

/** A group for an optimizer (a type, not an interface: optimizers take groups with any options). */
export type ParameterGroup = {
  readonly name: string;
  readonly params: Tensor[];
  readonly lr: number;
  readonly weightDecay?: number;
};

/**
 * Parameter groups with layer-wise learning rates: `lr` for the head, `lr * layerDecay` for the last stage,
 * `lr * layerDecay^2` for the one before (Howard and Ruder's discriminative fine-tuning, arXiv:1801.06146). Frozen
 * parameters are left out.
 */
export function parameterGroups(model: ImageModel, options: ParameterGroupOptions): ParameterGroup[] {
  const { lr, layerDecay = 1, weightDecay, skipDecayOnVectors = false } = options;
  const stages = parametersByStage(model);
  return stages.flatMap(({ name, parameters }, i) => {
    const rate = lr * layerDecay ** (stages.length - 1 - i);
    const trainable = parameters.map(([, parameter]) => parameter).filter(({ requiresGrad }) => requiresGrad);
    const decay = weightDecay === undefined ? {} : { weightDecay };
    const split = skipDecayOnVectors
      ? [
          { name, params: trainable.filter(({ ndim }) => ndim > 1), lr: rate, ...decay },
          { name: `${name}.no_decay`, params: trainable.filter(({ ndim }) => ndim <= 1), lr: rate, weightDecay: 0 },
        ]
      : [{ name, params: trainable, lr: rate, ...decay }];
    return split.filter(({ params }) => params.length > 0);
  });
}
