import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { csvFields } from "@classifier-training/base";
import { parseRow } from "./csv.ts";
import { LineReader } from "./line-reader.ts";

export interface MetricsUpdate {
  readonly columns: readonly string[];
  /** Rows that are new since the last poll. */
  readonly rows: readonly Readonly<Record<string, number | string>>[];
  /** The file was replaced or cut (a wider header, a resumed run): `rows` are all rows, forget the earlier ones. */
  readonly reset: boolean;
}

/** Follows a growing `metrics.csv`: each poll returns what was added, complete rows only. */
export class MetricsReader {
  readonly #reader: LineReader;
  #columns: readonly string[] = [];

  constructor(path: string) {
    this.#reader = new LineReader(path);
  }

  get path(): string {
    return this.#reader.path;
  }

  /** Reads what was added; a file that does not exist (yet) has no rows. */
  poll(): MetricsUpdate {
    const { lines, reset } = this.#reader.poll();
    if (reset) this.#columns = [];
    const [header, ...others] = lines;
    if (this.#columns.length > 0 || header === undefined) return this.#update(lines, reset);
    this.#columns = csvFields(header);
    return this.#update(others, reset);
  }

  #update(lines: readonly string[], reset: boolean): MetricsUpdate {
    return { columns: this.#columns, rows: lines.map((line) => parseRow(this.#columns, line)), reset };
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
