/**
 * Pixel buffers that are used again. A pipeline makes about ten intermediate images per sample, all of one or two
 * sizes: taking them from here instead of allocating saves zeroing and garbage collection. One pool per thread.
 */
const free = new Map<number, Uint8Array<ArrayBuffer>[]>();
const lent = new WeakSet<Uint8Array>();
const keptPerSize = 8;
const keptSizes = 64;

/** A buffer of `length` bytes with arbitrary content. */
export function takeBytes(length: number): Uint8Array<ArrayBuffer> {
  const buffer = free.get(length)?.pop() ?? new Uint8Array(length);
  lent.add(buffer);
  return buffer;
}

/** Gives a buffer back; one that did not come from `takeBytes` (a caller's image, a cache entry) is left alone. */
export function recycle(buffer: Uint8Array | Float32Array): void {
  if (!(buffer instanceof Uint8Array) || !lent.delete(buffer)) return;
  let list = free.get(buffer.length);
  if (list === undefined) {
    if (free.size >= keptSizes) free.clear();
    list = [];
    free.set(buffer.length, list);
  }
  if (list.length < keptPerSize) list.push(buffer as Uint8Array<ArrayBuffer>);
}

/** Whether the pixels are the pipeline's own, so that they may be overwritten. */
export function isLent(buffer: Uint8Array | Float32Array): boolean {
  return buffer instanceof Uint8Array && lent.has(buffer);
}
