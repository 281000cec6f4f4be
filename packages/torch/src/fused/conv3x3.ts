import { bind } from "../ops/dispatch.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { fusedKernelsEnabled } from "./switch.ts";

const fused = bind("ct::conv3x3");

/** What a 2-D convolution does beside its tensors. */
export interface ConvGeometry {
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

export function isOne([height, width]: readonly [number, number]): boolean {
  return height === 1 && width === 1;
}

/**
 * A 3x3 convolution with stride 1 and padding 1 by Winograd's algorithm, forward and backward, which needs a third to a
 * quarter of the multiplications; null where geometry or device are others. The operator itself leaves to LibTorch's
 * convolution what would be no faster (few channels, small images, other layouts than channels-last) by a rule of
 * shape, dtype and processor.
 *
 * Rounding differs from LibTorch's: relative to the largest value, at most 1e-5 in float32. In bfloat16, processors with
 * dot products of bfloat16 round the transformed tiles: the mean error is up to 4 times that of LibTorch's, which
 * rounds the result only; others compute in float32. A NaN or infinity reaches the whole tile (4x4 or 4x2) around it.
 *
 * @param input [N, In, H, W]
 * @param weight [Out, In, 3, 3]
 * @param bias [Out]
 * @returns [N, Out, H, W]
 */
export function conv3x3(input: Tensor, weight: Tensor, bias: Tensor | null, geometry: ConvGeometry): Tensor | null {
  const { stride, padding, dilation, groups } = geometry;
  if (groups !== 1 || !isOne(stride) || !isOne(padding) || !isOne(dilation) || !fusedKernelsEnabled()) return null;
  if (input.device !== "cpu") return null;
  const { shape } = weight;
  return shape[2] === 3 && shape[3] === 3 ? fused(input, weight, bias) : null;
}
