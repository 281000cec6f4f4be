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
  if (canFuse(input, geometry)) return fused(input, kernelSize, stride, padding);
  return standard(input, kernelSize, stride, padding, dilation, ceilMode);
}

/** What LibTorch refuses is left to LibTorch as well. */
function canFuse(input: Tensor, { kernelSize, stride, padding, dilation, ceilMode }: MaxPoolGeometry): boolean {
  if (!fusedKernelsEnabled() || ceilMode || input.device !== "cpu") return false;
  if (input.dtype !== "float32" && input.dtype !== "bfloat16") return false;
  const { shape } = input;
  if (shape.length !== 4 || shape.includes(0) || !input.isContiguous("channels_last")) return false;
  if (kernelSize[0] * kernelSize[1] > 256) return false;
  return [0, 1].every((i) => {
    const [kernel, pad] = [kernelSize[i]!, padding[i]!];
    const isWindow = kernel > 0 && stride[i]! > 0 && dilation[i] === 1;
    return isWindow && pad >= 0 && 2 * pad <= kernel && shape[2 + i]! + 2 * pad >= kernel;
  });
}
