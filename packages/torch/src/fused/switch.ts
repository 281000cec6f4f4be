import { isRecording } from "../ops/record.ts";

let enabled = true;

/** Turns this package's own kernels off (or on again): then only LibTorch's operators run. On by default. */
export function setFusedKernels(value: boolean): void {
  enabled = value;
}

/** Whether fused kernels may run now: switched on, and nothing is being recorded. */
export function fusedKernelsEnabled(): boolean {
  return enabled && !isRecording();
}
