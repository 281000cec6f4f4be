import { webAssembly } from "./webassembly.ts";

/**
 * The memory that pixel kernels work in: one WebAssembly memory per thread, of fixed size so that views of it stay
 * valid. Pages are taken from the system when first touched.
 */
const heapBytes = 128 << 20;
/** Larger buffers are ordinary arrays, which the kernels copy from or do without. */
export const largestBlock = 16 << 20;
/** Kernels read up to this far past a buffer. */
const slack = 32;

export const memory = new webAssembly.Memory({ initial: heapBytes / 65536, maximum: heapBytes / 65536 });

const free = new Map<number, number[]>();
let next = 0;

/** Called once, with where the module's own data ends. */
export function startHeap(base: number): void {
  next = Math.ceil(base / 64) * 64;
}

/** Bytes that blocks have been cut from so far; freed blocks are used again, so a steady load does not raise it. */
export function reservedBytes(): number {
  return next;
}

/** Sizes are rounded up to one of four steps per power of two, so that freed blocks fit later requests. */
function blockSize(length: number): number {
  const wanted = Math.max(256, length + slack);
  const step = 2 ** (Math.floor(Math.log2(wanted)) - 2);
  return Math.ceil(wanted / step) * step;
}

/** Address of a block of at least `length` bytes with arbitrary content; 0 when there is none left. */
export function allocate(length: number): number {
  if (next === 0 || length > largestBlock) return 0;
  const size = blockSize(length);
  const known = free.get(size)?.pop();
  if (known !== undefined) return known;
  if (next + size + slack > heapBytes) return 0;
  const at = next;
  next += size;
  return at;
}

/** Gives a block back. `length` is the one it was allocated with. */
export function release(at: number, length: number): void {
  const size = blockSize(length);
  const list = free.get(size);
  if (list === undefined) free.set(size, [at]);
  else list.push(at);
}
