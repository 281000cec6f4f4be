import { bind } from "../ops/dispatch.ts";

const kernelSet = bind<string>("ct::kernel_set");

/**
 * Whether this package's kernels multiply in bfloat16 with the processor's own instructions for it (avx512_bf16): then a
 * network is faster in bfloat16 than in float32, and otherwise many times slower.
 */
export function multipliesBfloat16(): boolean {
  return kernelSet() === "avx512bf16";
}
