import { bind } from "../ops/dispatch.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { fusedKernelsEnabled } from "./switch.ts";

const fused = bind("ct::max_pool2d");
const standard = bind("aten::max_pool2d");

type Pair = readonly [number, number];

export interface MaxPoolGeometry {
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly ceilMode: boolean;
}

/**
 * Max pooling that remembers one byte per output for backward, where the layout allows (channels-last on the CPU, no
 * dilation, windows of at most 256); else LibTorch's.
 *
 * @param input [N, C, H, W]
 */
export function maxPool2d(input: Tensor, geometry: MaxPoolGeometry): Tensor {
  const { kernelSize, stride, padding, dilation, ceilMode } = geometry;
  const fits =
    fusedKernelsEnabled() &&
    !ceilMode &&
    dilation[0] === 1 &&
    dilation[1] === 1 &&
    kernelSize[0] * kernelSize[1] <= 256 &&
    input.ndim === 4 &&
    input.device === "cpu" &&
    (input.dtype === "float32" || input.dtype === "bfloat16") &&
    input.isContiguous("channels_last");
  if (fits) return fused(input, kernelSize, stride, padding);
  return standard(input, kernelSize, stride, padding, dilation, ceilMode);
}
