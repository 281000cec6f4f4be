import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

interface AddedLines {
  /** Without their line breaks. */
  readonly lines: readonly string[];
  /** The file was replaced or cut: `lines` are all lines, forget the earlier ones. */
  readonly reset: boolean;
}

/** More is left for the next poll. */
const maxBytesAPoll = 256 * 2 ** 20;

/** Follows a growing text file: each poll returns the complete lines that were added. */
export class LineReader {
  readonly path: string;
  #inode = 0;
  #offset = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** Reads what was added; a file that does not exist (yet) has no lines. */
  poll(): AddedLines {
    let file: number;
    try {
      // Non-blocking: opening a named pipe would wait for its writer.
      file = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      const reset = this.#offset > 0;
      this.#offset = 0;
      return { lines: [], reset };
    }
    try {
      const stats = fstatSync(file);
      if (!stats.isFile()) return { lines: [], reset: false };
      const { ino, size } = stats;
      const reset = this.#offset > 0 && (ino !== this.#inode || size < this.#offset);
      if (reset) this.#offset = 0;
      this.#inode = ino;
      return { lines: this.#wholeLines(file, size), reset };
    } finally {
      closeSync(file);
    }
  }

  #wholeLines(file: number, size: number): string[] {
    const bytes = Buffer.alloc(Math.min(maxBytesAPoll, Math.max(0, size - this.#offset)));
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(file, bytes, length, bytes.length - length, this.#offset + length);
      if (read === 0) break;
      length += read;
    }
    const end = bytes.subarray(0, length).lastIndexOf(10) + 1;
    this.#offset += end;
    return bytes
      .toString("utf8", 0, end)
      .split("\n")
      .slice(0, -1)
      .map((line) => line.replace(/\r$/, ""));
  }
}
