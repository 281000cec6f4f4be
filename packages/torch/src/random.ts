import { native } from "./native/load.ts";
import type { Tensor } from "./tensor/tensor.ts";
import { wrap } from "./tensor/wrap.ts";

/** Seeds LibTorch's generators of all devices. */
export function manualSeed(seed: number | bigint): void {
  native.manualSeed(seed);
}

/** The state of the CPU's generator: a uint8 tensor, for checkpoints. */
export function getRngState(): Tensor {
  return wrap(native.getRngState());
}

export function setRngState(state: Tensor): void {
  native.setRngState(state.handle);
}
