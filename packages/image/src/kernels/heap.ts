import { ImageError } from "../errors.ts";
import { webAssembly } from "./webassembly.ts";

/**
 * The pool that pixels live in from one kernel to the next: one WebAssembly memory per thread, of fixed size so that views
 * of it stay valid. Pages are taken from the system when first touched.
 */
const heapBytes = 128 << 20;
/** Larger buffers are ordinary arrays, which are copied to where kernels run. */
const largestBlock = 16 << 20;
/** Kernels read up to this far past a buffer. */
const slack = 32;

export const memory = new webAssembly.Memory({ initial: heapBytes / 65536, maximum: heapBytes / 65536 });

const free = new Map<number, number[]>();
/** Size of every block that was cut, by its address. */
const sizes = new Map<number, number>();
/** For tables that every call reads, in front of the blocks. */
const constantBytes = 1 << 20;
let nextConstant = 0;
let base = 0;
let next = 0;
let inUse = 0;

/** Called once, with where the module's own data ends. */
export function startHeap(end: number): void {
  nextConstant = roundUp(end);
  base = roundUp(end + constantBytes);
  next = base;
}

/** Bytes that blocks have been cut from so far; freed blocks are used again, so a steady load does not raise it. */
export function reservedBytes(): number {
  return next;
}

/** Sizes are rounded up to one of four steps per power of two, so that freed blocks fit later requests. */
export function blockSize(length: number): number {
  const wanted = Math.max(256, length + slack);
  const step = 2 ** (Math.floor(Math.log2(wanted)) - 2);
  return Math.ceil(wanted / step) * step;
}

/** Address of a block of at least `length` bytes with arbitrary content; 0 when there is none left. */
export function allocate(length: number): number {
  if (next === 0 || length > largestBlock) return 0;
  const size = blockSize(length);
  const at = free.get(size)?.pop() ?? cut(size) ?? larger(size);
  if (at === undefined) return 0;
  inUse++;
  return at;
}

function cut(size: number): number | undefined {
  if (next + size + slack > heapBytes) return undefined;
  const at = next;
  next += size;
  sizes.set(at, size);
  return at;
}

/** The smallest free block that is larger: images of many sizes would else use up the pool. */
function larger(size: number): number | undefined {
  let best: number | undefined;
  for (const [found, blocks] of free) {
    if (found > size && blocks.length > 0 && (best === undefined || found < best)) best = found;
  }
  return best === undefined ? undefined : free.get(best)?.pop();
}

/** Gives a block back. */
export function release(at: number): void {
  const size = sizes.get(at) as number;
  const blocks = free.get(size);
  if (blocks === undefined) free.set(size, [at]);
  else blocks.push(at);
  // Cut into other sizes next time.
  if (--inUse === 0 && next > heapBytes / 2) {
    next = base;
    free.clear();
    sizes.clear();
  }
}

/** Address of room for data that stays for good; 0 when there is none left. */
export function reserve(length: number): number {
  const at = nextConstant;
  if (at === 0 || at + length + slack > base) return 0;
  nextConstant = roundUp(at + length + slack);
  return at;
}

/** @param bytes that an operation needs, and that cannot be allocated */
export function outOfMemory(bytes: number, cause: unknown): ImageError {
  const mib = Math.ceil(bytes / 2 ** 20).toLocaleString("en-US");
  return new ImageError({
    code: "image/memory",
    what: `an image is too large to transform: the operation needs ${mib} MiB, which cannot be allocated (a kernel's limit is 4,096 MiB)`,
    fix: "crop or resize before the other transforms, or lower data.max_pixels and set data.on_error=skip",
    cause,
  });
}

function roundUp(address: number): number {
  return Math.ceil(address / 64) * 64;
}
