import { bind } from "../ops/dispatch.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type ConvGeometry, isOne } from "./conv3x3.ts";
import { fusedKernelsEnabled } from "./switch.ts";

const fused = bind("ct::conv2d");

/**
 * A convolution as a GEMM over packed operands, forward and backward; null for other dilations, groups or devices.
 * The operator itself leaves to LibTorch's convolution, for each of the three passes, what would be no faster, by a rule
 * of shape, dtype and processor. Sums are in float32 and only results are rounded, as LibTorch's are; with less than four
 * input channels, a NaN or infinity may reach the output pixel beside those that see it.
 *
 * @param input [N, In, H, W]
 * @param weight [Out, In, KH, KW]
 * @param bias [Out]
 * @returns [N, Out, H', W']
 */
export function packedConv2d(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  geometry: ConvGeometry,
): Tensor | null {
  const { stride, padding, dilation, groups } = geometry;
  if (groups !== 1 || !isOne(dilation) || !fusedKernelsEnabled() || input.device !== "cpu") return null;
  return fused(input, weight, bias, stride, padding);
}
