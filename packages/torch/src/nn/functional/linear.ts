import { bind } from "../../ops/dispatch.ts";
import type { Tensor } from "../../tensor/tensor.ts";

const atenLinear = bind("aten::linear");

/**
 * `input @ weightᵀ + bias`.
 * @param input [..., In]
 * @param weight [Out, In]
 * @param bias [Out]
 * @returns [..., Out]
 */
export function linear(input: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  return atenLinear(input, weight, bias);
}
