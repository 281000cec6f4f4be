import { native } from "./native/load.ts";

export function cudaIsAvailable(): boolean {
  return native.devices().cuda > 0;
}

export function cudaDeviceCount(): number {
  return native.devices().cuda;
}

export function mpsIsAvailable(): boolean {
  return native.devices().mps;
}

/** The version of the LibTorch in use, e.g. `1.13.0`. */
export function version(): string {
  return native.versionInfo().libtorch;
}

/** The version, how LibTorch was built, and what it does for parallelism. */
export function versionInfo(): { readonly libtorch: string; readonly config: string; readonly parallel: string } {
  return native.versionInfo();
}

/** Compute threads inside an operator. */
export function getNumThreads(): number {
  return native.getNumThreads();
}

export function setNumThreads(count: number): void {
  native.setNumThreads(count);
}

let deterministic = false;

/** Whether deterministic algorithms were asked for. */
export function isDeterministic(): boolean {
  return deterministic;
}

/** Makes operators without a deterministic implementation throw (or, with `warnOnly`, warn). */
export function useDeterministicAlgorithms(enabled: boolean, { warnOnly = false }: { warnOnly?: boolean } = {}): void {
  native.setDeterministic(enabled, warnOnly);
  deterministic = enabled;
}

/** Lets cuDNN try its algorithms and keep the fastest. */
export function setCudnnBenchmark(enabled: boolean): void {
  native.setCudnnBenchmark(enabled);
}

/** Tensor handles alive on this thread, and the bytes of memory that they hold (shared memory counted once). */
export function memoryStats(): { readonly liveTensors: number; readonly bytes: number } {
  return native.memoryStats();
}

/** Gives the memory of freed CPU tensors, which is kept for the next ones, back to the system. @returns bytes */
export function emptyCache(): number {
  return native.emptyCache();
}
