import { packedConv2d } from "../../fused/conv2d.ts";
import { conv3x3 } from "../../fused/conv3x3.ts";
import { bind } from "../../ops/dispatch.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { pair, type Size2d } from "./size.ts";

const atenConv2d = bind("aten::conv2d");
const atenConv2dNamedPadding = bind("aten::conv2d.padding");
const atenConvTranspose2d = bind("aten::conv_transpose2d.input");

/** `"same"` pads so that stride 1 keeps height and width; `"valid"` pads nothing. */
export type ConvPadding = Size2d | "same" | "valid";

export interface Conv2dArguments {
  readonly bias?: Tensor | null;
  readonly stride?: Size2d;
  readonly padding?: ConvPadding;
  readonly dilation?: Size2d;
  /** Groups of channels that see only each other; as many as channels is a depthwise convolution. */
  readonly groups?: number;
}

/**
 * 2-D cross-correlation.
 * @param input [N, In, H, W]
 * @param weight [Out, In / groups, KH, KW]
 * @returns [N, Out, H', W'] with H' = floor((H + 2 padding - dilation (KH - 1) - 1) / stride) + 1
 */
export function conv2d(input: Tensor, weight: Tensor, options: Conv2dArguments = {}): Tensor {
  const { bias = null, stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  if (typeof padding === "string") {
    return atenConv2dNamedPadding(input, weight, bias, pair(stride), padding, pair(dilation), groups);
  }
  const geometry = { stride: pair(stride), padding: pair(padding), dilation: pair(dilation), groups };
  const fused = conv3x3(input, weight, bias, geometry) ?? packedConv2d(input, weight, bias, geometry);
  return fused ?? atenConv2d(input, weight, bias, geometry.stride, geometry.padding, geometry.dilation, groups);
}

export interface ConvTranspose2dArguments {
  readonly bias?: Tensor | null;
  readonly stride?: Size2d;
  readonly padding?: Size2d;
  /** Extra rows and columns at the far end of the output, which the stride leaves open. */
  readonly outputPadding?: Size2d;
  readonly groups?: number;
  readonly dilation?: Size2d;
}

/**
 * The transpose (gradient) of a 2-D convolution.
 * @param input [N, In, H, W]
 * @param weight [In, Out / groups, KH, KW]
 * @returns [N, Out, H', W'] with H' = (H - 1) stride - 2 padding + dilation (KH - 1) + outputPadding + 1
 */
export function convTranspose2d(input: Tensor, weight: Tensor, options: ConvTranspose2dArguments = {}): Tensor {
  const { bias = null, stride = 1, padding = 0, outputPadding = 0, groups = 1, dilation = 1 } = options;
  return atenConvTranspose2d(
    input,
    weight,
    bias,
    pair(stride),
    pair(padding),
    pair(outputPadding),
    groups,
    pair(dilation),
  );
}
