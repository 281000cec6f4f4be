import { native } from "../../native/load.ts";
import type { Tensor } from "../../tensor/tensor.ts";

let lacksKernels: boolean | undefined;

/** Whether an operator may be missing for this input: before 2.0, LibTorch has few of 16 bits for the CPU. */
export function mayLackKernel({ dtype, device }: Tensor): boolean {
  if ((dtype !== "bfloat16" && dtype !== "float16") || device !== "cpu") return false;
  lacksKernels ??= Number.parseInt(native.versionInfo().libtorch, 10) < 2;
  return lacksKernels;
}

/** What `compute` makes of the input, in float32 where LibTorch has no kernel of 16 bits; in the input's dtype. */
export function inFloat32(input: Tensor, compute: (input: Tensor) => Tensor): Tensor {
  return mayLackKernel(input) ? compute(input.float()).to({ dtype: input.dtype }) : compute(input);
}
