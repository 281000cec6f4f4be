import type { Tensor } from "../tensor/tensor.ts";
import {
  type AvgPool2dArguments,
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  avgPool2d,
  type MaxPool2dArguments,
  maxPool2d,
} from "./functional/pooling.ts";
import type { OutputSize2d, Size2d } from "./functional/size.ts";
import { Module } from "./module.ts";

/** The largest value of each window: [N, C, H, W] to [N, C, H', W']. */
export class MaxPool2d extends Module {
  readonly kernelSize: Size2d;
  readonly options: MaxPool2dArguments;

  constructor(kernelSize: Size2d, options: MaxPool2dArguments = {}) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override forward(input: Tensor): Tensor {
    return maxPool2d(input, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    const { stride = this.kernelSize, padding = 0, dilation = 1, ceilMode = false } = this.options;
    return `kernel_size=${this.kernelSize}, stride=${stride}, padding=${padding}, dilation=${dilation}, ceil_mode=${ceilMode}`;
  }
}

/** The mean of each window: [N, C, H, W] to [N, C, H', W']. */
export class AvgPool2d extends Module {
  readonly kernelSize: Size2d;
  readonly options: AvgPool2dArguments;

  constructor(kernelSize: Size2d, options: AvgPool2dArguments = {}) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override forward(input: Tensor): Tensor {
    return avgPool2d(input, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    const { stride = this.kernelSize, padding = 0 } = this.options;
    return `kernel_size=${this.kernelSize}, stride=${stride}, padding=${padding}`;
  }
}

/** Means of as many windows as `outputSize` says: [N, C, H, W] to [N, C, ...outputSize]. */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: OutputSize2d;

  constructor(outputSize: OutputSize2d) {
    super();
    this.outputSize = outputSize;
  }

  override forward(input: Tensor): Tensor {
    return adaptiveAvgPool2d(input, this.outputSize);
  }

  override extraRepr(): string {
    return `output_size=${this.outputSize}`;
  }
}

/** Maxima of as many windows as `outputSize` says: [N, C, H, W] to [N, C, ...outputSize]. */
export class AdaptiveMaxPool2d extends Module {
  readonly outputSize: OutputSize2d;

  constructor(outputSize: OutputSize2d) {
    super();
    this.outputSize = outputSize;
  }

  override forward(input: Tensor): Tensor {
    return adaptiveMaxPool2d(input, this.outputSize);
  }

  override extraRepr(): string {
    return `output_size=${this.outputSize}`;
  }
}
