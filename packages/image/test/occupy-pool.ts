import { recycle, takeBytes } from "../src/kernels/buffers.ts";
import { memory } from "../src/kernels/heap.ts";

/** Takes all that is left of this thread's pool of pixels; returns what gives it back. */
export function occupyPool(): () => void {
  const taken: Uint8Array[] = [];
  for (let length = 8 << 20; length >= 200; length >>= 1) {
    for (let block = takeBytes(length); block.buffer === memory.buffer; block = takeBytes(length)) taken.push(block);
  }
  return () => {
    for (const block of taken) recycle(block);
  };
}
