import { maxPool2d as maxPool2dWindows } from "../../fused/max-pool.ts";
import { bind } from "../../ops/dispatch.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type OutputSize2d, outputPair, pair, type Size2d } from "./size.ts";

const atenAvgPool2d = bind("aten::avg_pool2d");
const atenAdaptiveAvgPool2d = bind("aten::adaptive_avg_pool2d");
const atenAdaptiveMaxPool2d = bind<[Tensor, Tensor]>("aten::adaptive_max_pool2d");

export interface MaxPool2dArguments {
  /** The kernel's size by default. */
  readonly stride?: Size2d | null;
  readonly padding?: Size2d;
  readonly dilation?: Size2d;
  /** Rounds the output's size up, so that no pixel at the edge is left out. */
  readonly ceilMode?: boolean;
}

/** The largest value of each window. @param input [N, C, H, W] */
export function maxPool2d(input: Tensor, kernelSize: Size2d, options: MaxPool2dArguments = {}): Tensor {
  const { stride, padding = 0, dilation = 1, ceilMode = false } = options;
  return maxPool2dWindows(input, {
    kernelSize: pair(kernelSize),
    stride: pair(stride ?? kernelSize),
    padding: pair(padding),
    dilation: pair(dilation),
    ceilMode,
  });
}

export interface AvgPool2dArguments {
  readonly stride?: Size2d | null;
  readonly padding?: Size2d;
  readonly ceilMode?: boolean;
  /** Whether zeros of the padding count in the mean. */
  readonly countIncludePad?: boolean;
  readonly divisorOverride?: number | null;
}

/** The mean of each window. @param input [N, C, H, W] */
export function avgPool2d(input: Tensor, kernelSize: Size2d, options: AvgPool2dArguments = {}): Tensor {
  const { stride, padding = 0, ceilMode = false, countIncludePad = true, divisorOverride = null } = options;
  const strides = pair(stride ?? kernelSize);
  return atenAvgPool2d(input, pair(kernelSize), strides, pair(padding), ceilMode, countIncludePad, divisorOverride);
}

/** Means of as many windows as the output has pixels. @returns [N, C, ...outputSize] */
export function adaptiveAvgPool2d(input: Tensor, outputSize: OutputSize2d): Tensor {
  return atenAdaptiveAvgPool2d(input, outputPair(outputSize, input.shape));
}

/** Maxima of as many windows as the output has pixels. @returns [N, C, ...outputSize] */
export function adaptiveMaxPool2d(input: Tensor, outputSize: OutputSize2d): Tensor {
  return atenAdaptiveMaxPool2d(input, outputPair(outputSize, input.shape))[0];
}
