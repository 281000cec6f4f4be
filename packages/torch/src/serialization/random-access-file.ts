import { closeSync, readSync } from "node:fs";
import { openRegularFile } from "@classifier-training/base";
import { badFile } from "./errors.ts";

/** A file read at given positions; a short read is an error. */
export class RandomAccessFile {
  readonly path: string;
  readonly size: number;
  readonly #descriptor: number;

  constructor(path: string) {
    this.path = path;
    const { file, size } = openRegularFile(path);
    this.#descriptor = file;
    this.size = size;
  }

  /** Bytes in memory of their own, aligned for any element type. */
  read(position: number, length: number): Uint8Array<ArrayBuffer> {
    if (position < 0 || length < 0 || position + length > this.size) {
      throw badFile(
        this.path,
        `expected bytes ${position} to ${position + length}, the file has ${this.size}: it is truncated`,
      );
    }
    // Not from the shared pool of small buffers, and not zeroed first: every byte is overwritten.
    const bytes = Buffer.allocUnsafeSlow(length) as Uint8Array<ArrayBuffer>;
    const target = new Uint8Array(bytes.buffer, 0, length);
    this.readInto(target, position);
    return target;
  }

  readInto(target: Uint8Array, position: number): void {
    for (let done = 0; done < target.byteLength; ) {
      // One call reads at most 2 GiB.
      const count = Math.min(target.byteLength - done, 2 ** 30);
      const read = readSync(this.#descriptor, target, done, count, position + done);
      if (read === 0)
        throw badFile(this.path, `the file became shorter while it was read (at byte ${position + done})`);
      done += read;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}
