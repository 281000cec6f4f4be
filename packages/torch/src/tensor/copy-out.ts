import { types } from "node:util";
import { noGrad } from "../autograd/modes.ts";
import { TorchError } from "../errors.ts";
import { native } from "../native/load.ts";
import type { Tensor } from "./tensor.ts";

/** A tensor and the place of its elements in a buffer. */
export interface Destination {
  readonly tensor: Tensor;
  /** In bytes from the buffer's start. */
  readonly offset: number;
}

/**
 * Copies tensors, in row-major order and from any device, into a buffer: one call for a whole model and its optimizer.
 * On x86 with non-temporal stores, which leave the cache to others.
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
 * A zeroed shared buffer, in huge pages where the system has them: page faults of the first write to ordinary pages take
 * several times as long as the copy.
 */
export function sharedMemory(bytes: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(bytes);
  native.useLargePages(new Uint8Array(memory));
  return memory;
}
