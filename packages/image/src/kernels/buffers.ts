import { allocate, memory, outOfMemory, release } from "./heap.ts";
import "./instance.ts";

/**
 * Pixel buffers that are used again. A pipeline makes about ten intermediate images per sample: taking them from the
 * kernels' memory saves zeroing, garbage collection and copying. One pool per thread.
 */
const addresses = new WeakMap<Uint8Array, number>();
/** Returns the memory of buffers that were dropped instead of recycled. */
const dropped = new FinalizationRegistry<number>(release);

/** A buffer of `length` bytes with arbitrary content. @throws ImageError `image/memory` */
export function takeBytes(length: number): Uint8Array<ArrayBuffer> {
  const at = allocate(length);
  if (at === 0) return ordinary(length);
  const buffer = new Uint8Array(memory.buffer as ArrayBuffer, at, length);
  addresses.set(buffer, at);
  dropped.register(buffer, at, buffer);
  return buffer;
}

function ordinary(length: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw outOfMemory(length, cause);
  }
}

/** Gives a buffer back; one that did not come from `takeBytes` (a caller's image, a cache entry) is left alone. */
export function recycle(buffer: Uint8Array | Float32Array): void {
  if (!(buffer instanceof Uint8Array)) return;
  const at = addresses.get(buffer);
  if (at === undefined) return;
  addresses.delete(buffer);
  dropped.unregister(buffer);
  release(at);
}
