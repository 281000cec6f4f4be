import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { csvFields } from "@classifier-training/base";
import { parseRow } from "./csv.ts";

export interface MetricsUpdate {
  readonly columns: readonly string[];
  /** Rows that are new since the last poll. */
  readonly rows: readonly Readonly<Record<string, number | string>>[];
  /** The file was replaced or cut (a wider header, a resumed run): `rows` are all rows, forget the earlier ones. */
  readonly reset: boolean;
}

/** More is left for the next poll. */
const maxBytesAPoll = 256 * 2 ** 20;

/** Follows a growing `metrics.csv`: each poll returns what was added, complete rows only. */
export class MetricsReader {
  readonly path: string;
  #inode = 0;
  #offset = 0;
  #columns: readonly string[] = [];

  constructor(path: string) {
    this.path = path;
  }

  /** Reads what was added; a file that does not exist (yet) has no rows. */
  poll(): MetricsUpdate {
    let file: number;
    try {
      // Non-blocking: opening a named pipe would wait for its writer.
      file = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      const reset = this.#offset > 0;
      this.#offset = 0;
      this.#columns = [];
      return { columns: [], rows: [], reset };
    }
    try {
      const stats = fstatSync(file);
      if (!stats.isFile()) return { columns: [], rows: [], reset: false };
      const { ino, size } = stats;
      const reset = this.#offset > 0 && (ino !== this.#inode || size < this.#offset);
      if (reset || this.#offset === 0) {
        this.#offset = 0;
        this.#columns = [];
      }
      this.#inode = ino;
      const lines = this.#wholeLines(file, size);
      const header = this.#columns.length === 0 ? lines.shift() : undefined;
      if (header !== undefined) this.#columns = csvFields(header);
      return { columns: this.#columns, rows: lines.map((line) => parseRow(this.#columns, line)), reset };
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

/** What is read of the end of a long file: some hundred rows. */
const tailBytes = 64 * 2 ** 10;
const maxHeaderBytes = 2 ** 20;

/**
 * The newest value of each column of a `metrics.csv`, from its header and its last rows only; a value that was logged long
 * before them is missing.
 */
export function readLatestRow(path: string): Readonly<Record<string, number | string>> {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return {};
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) return {};
    const text = (start: number, length: number) => {
      const bytes = Buffer.alloc(Math.min(length, Math.max(0, stats.size - start)));
      return bytes.toString("utf8", 0, readSync(file, bytes, 0, bytes.length, start));
    };
    const head = text(0, stats.size <= tailBytes ? tailBytes : maxHeaderBytes);
    const headerEnd = head.indexOf("\n");
    if (headerEnd < 0) return {};
    const columns = csvFields(head.slice(0, headerEnd).replace(/\r$/, ""));
    const start = Math.max(0, stats.size - tailBytes);
    // What stands before the first line break is the header, or a part of a row.
    const lines = (start === 0 ? head : text(start, tailBytes)).split("\n").slice(1, -1);
    return Object.assign(Object.create(null), ...lines.map((line) => parseRow(columns, line.replace(/\r$/, ""))));
  } finally {
    closeSync(file);
  }
}
