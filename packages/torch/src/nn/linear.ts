import { empty } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { linear } from "./functional/linear.ts";
import { calculateFanInAndFanOut, kaimingUniform_, uniform_ } from "./init.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface LinearOptions {
  readonly bias?: boolean;
}

/** `input @ weightᵀ + bias`: [..., In] to [..., Out]. */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** [Out, In] */
  weight: Parameter;
  /** [Out] */
  bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, { bias = true }: LinearOptions = {}) {
    super();
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = new Parameter(empty([outFeatures, inFeatures]));
    this.bias = bias ? new Parameter(empty([outFeatures])) : null;
    this.resetParameters();
  }

  /** PyTorch's default: uniform within `1 / sqrt(In)`. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    resetBias(this.bias, this.weight);
  }

  override forward(input: Tensor): Tensor {
    return linear(input, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${this.bias !== null}`;
  }
}

/** Uniform within `1 / sqrt(fan in)` of the weight it goes with. */
export function resetBias(bias: Tensor | null, weight: Tensor): void {
  if (bias === null) return;
  const { fanIn } = calculateFanInAndFanOut(weight);
  if (fanIn > 0) uniform_(bias, -1 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn));
}
