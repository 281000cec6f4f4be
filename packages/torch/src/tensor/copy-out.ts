import { types } from "node:util";
import { noGrad } from "../autograd/modes.ts";
import { TorchError } from "../errors.ts";
import { native } from "../native/load.ts";
import type { Tensor } from "./tensor.ts";

/** Where a tensor's elements are to lie in a memory. */
export interface Destination {
  readonly tensor: Tensor;
  /** In bytes from the memory's start. */
  readonly offset: number;
}

/**
 * Copies tensors, in row-major order and from any device, into memory that is not theirs: one call for a whole model
 * and its optimizer. On x86 the copy goes past the cache, which nobody needs it in.
 *
 * @throws TorchError `torch/buffer` when one does not fit
 */
export function copyTensors(destinations: readonly Destination[], memory: ArrayBuffer | SharedArrayBuffer): void {
  const handles = destinations.map(({ tensor }) => tensor.handle);
  const offsets = destinations.map(({ offset }) => offset);
  try {
    noGrad(() => native.copyTensors(handles, new Uint8Array(memory), offsets));
  } catch (error) {
    throw new TorchError({
      code: "torch/buffer",
      what: types.isNativeError(error) ? error.message : String(error),
      cause: error,
    });
  }
}

/**
 * A shared memory of so many bytes, zeroed, in large pages where the system has them: the first write to ordinary
 * pages takes several times as long as the copy itself.
 */
export function sharedMemory(bytes: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(bytes);
  native.useLargePages(new Uint8Array(memory));
  return memory;
}
