import { keep } from "../scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * A tensor that a module trains. A module finds those among its own properties; optimizers change them in place. No
 * scope frees one: it lives as long as its module.
 */
export class Parameter extends Tensor {
  /** @param data shares its memory with the parameter */
  constructor(data: Tensor, { requiresGrad = true }: { readonly requiresGrad?: boolean } = {}) {
    super(data.detach().takeHandle());
    keep(this);
    this.requiresGrad = requiresGrad;
  }
}
