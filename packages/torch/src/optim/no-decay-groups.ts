import { TorchError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParamGroupInput } from "./optimizer.ts";

/** What is needed of a module. */
interface HasNamedParameters {
  namedParameters(): Iterable<[name: string, parameter: Tensor]>;
}

/**
 * Two parameter groups: weights, which decay, and parameters of at most one dimension (biases, scales and shifts of
 * normalization layers), which do not. Frozen parameters are left out.
 *
 * ```ts
 * new optim.AdamW(optim.noDecayGroups(model, 0.05), { lr: 1e-3 });
 * ```
 * @param exempt more parameters that should not decay, by name (position embeddings, class tokens)
 */
export function noDecayGroups(
  module: HasNamedParameters,
  weightDecay: number,
  { exempt = () => false }: { readonly exempt?: (name: string) => boolean } = {},
): ParamGroupInput[] {
  const decaying: Tensor[] = [];
  const exempted: Tensor[] = [];
  for (const [name, parameter] of module.namedParameters()) {
    if (!parameter.requiresGrad) continue;
    (parameter.ndim <= 1 || exempt(name) ? exempted : decaying).push(parameter);
  }
  const groups = [
    { params: decaying, weightDecay },
    { params: exempted, weightDecay: 0 },
  ].filter(({ params }) => params.length > 0);
  if (groups.length > 0) return groups;
  throw new TorchError({ code: "torch/options", what: "noDecayGroups: no parameter is trainable" });
}
