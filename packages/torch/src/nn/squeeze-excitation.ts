import type { Tensor } from "../tensor/tensor.ts";
import { ReLU, Sigmoid } from "./activation.ts";
import type { TensorModule } from "./containers.ts";
import { Conv2d } from "./conv.ts";
import { Module } from "./module.ts";
import { AdaptiveAvgPool2d } from "./pooling.ts";

export interface SqueezeExcitationOptions {
  /** What follows the squeeze; ReLU by default. */
  readonly activation?: () => TensorModule;
  /** What makes the factors; Sigmoid by default. */
  readonly scaleActivation?: () => TensorModule;
}

/**
 * Scales each channel by a factor computed from the means of all (Hu et al., 2018), with the parts and names of
 * torchvision.ops. Input and output [N, C, H, W].
 */
export class SqueezeExcitation extends Module {
  readonly avgpool: AdaptiveAvgPool2d;
  readonly fc1: Conv2d;
  readonly fc2: Conv2d;
  readonly activation: TensorModule;
  readonly scale_activation: TensorModule;

  constructor(inputChannels: number, squeezeChannels: number, options: SqueezeExcitationOptions = {}) {
    super();
    const { activation = () => new ReLU(), scaleActivation = () => new Sigmoid() } = options;
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.fc1 = new Conv2d(inputChannels, squeezeChannels, { kernelSize: 1 });
    this.fc2 = new Conv2d(squeezeChannels, inputChannels, { kernelSize: 1 });
    this.activation = activation();
    this.scale_activation = scaleActivation();
  }

  override forward(input: Tensor): Tensor {
    const squeezed = this.activation.call(this.fc1.call(this.avgpool.call(input)));
    return this.scale_activation.call(this.fc2.call(squeezed)).mul(input);
  }
}
