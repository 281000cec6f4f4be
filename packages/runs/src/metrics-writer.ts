import {
  closeSync,
  existsSync,
  fsync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { CtError, csvFields, writeFileAtomic } from "@classifier-training/base";
import { formatHeader, formatLine, type MetricsRow, parseRow } from "./csv.ts";

/**
 * Appends rows to a `metrics.csv`, one `write` a row, so that a process killed at any moment leaves complete rows
 * and at most one truncated one, which the next writer removes. A row with a new name rewrites the file under a wider header
 * (atomically), as Lightning's CSVLogger does; the columns are in sorted order.
 */
export class MetricsWriter {
  readonly path: string;
  #columns: string[] = [];
  #known = new Set<string>();
  #file: number | undefined;
  #rows = 0;
  #lastRow: MetricsRow = {};

  /** Opens the file for appending, keeping its complete rows. */
  constructor(path: string) {
    this.path = path;
    mkdirSync(dirname(path), { recursive: true });
    if (existsSync(path)) this.#recover();
  }

  get columns(): readonly string[] {
    return this.#columns;
  }

  /** Complete rows in the file. */
  get rows(): number {
    return this.#rows;
  }

  get lastRow(): MetricsRow {
    return this.#lastRow;
  }

  append(row: MetricsRow): void {
    const added = Object.keys(row).filter((name) => !this.#known.has(name));
    if (added.length > 0) this.#widen(added);
    this.#file ??= openSync(this.path, "a");
    const bytes = Buffer.from(formatLine(this.#columns, row));
    const written = writeSync(this.#file, bytes);
    if (written < bytes.length) writeSync(this.#file, bytes, written);
    this.#rows++;
    this.#lastRow = row;
  }

  /**
   * Drops all rows after the first `rows`: a resumed run continues from its checkpoint.
   * @throws CtError `runs/rows` when the file has fewer.
   */
  rewind(rows: number): void {
    if (rows === this.#rows) return;
    if (rows > this.#rows) {
      throw new CtError({
        code: "runs/rows",
        what: `cannot go back to row ${rows}: the file has ${this.#rows}`,
        where: this.path,
      });
    }
    const lines = this.#lines().slice(0, rows + 1);
    this.#replace(lines.map((line) => `${line}\n`).join(""));
    this.#rows = rows;
    this.#lastRow = rows === 0 ? {} : parseRow(this.#columns, lines[rows] as string);
  }

  /** One row of the file, counted from 0. */
  rowAt(index: number): MetricsRow | undefined {
    const line = this.#lines()[index + 1];
    return line === undefined ? undefined : parseRow(this.#columns, line);
  }

  /**
   * Asks for the rows to be forced onto the disk, without waiting: a killed process loses nothing either way, only a
   * machine that loses power.
   */
  flush(): void {
    if (this.#file !== undefined) fsync(this.#file, () => {});
  }

  close(): void {
    if (this.#file === undefined) return;
    fsyncSync(this.#file);
    closeSync(this.#file);
    this.#file = undefined;
  }

  #recover(): void {
    const text = readFileSync(this.path, "utf8");
    const end = text.lastIndexOf("\n") + 1;
    if (end < text.length) truncateSync(this.path, Buffer.byteLength(text.slice(0, end)));
    const lines = text.slice(0, end).split("\n").slice(0, -1);
    const header = lines[0];
    if (header === undefined) return;
    this.#columns = csvFields(header.replace(/\r$/, ""));
    this.#known = new Set(this.#columns);
    this.#rows = lines.length - 1;
    if (this.#rows > 0) this.#lastRow = parseRow(this.#columns, (lines.at(-1) as string).replace(/\r$/, ""));
  }

  #lines(): string[] {
    if (!existsSync(this.path)) return [];
    return readFileSync(this.path, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => line.replace(/\r$/, ""));
  }

  #widen(added: readonly string[]): void {
    const before = this.#columns;
    const columns = [...before, ...added].sort();
    const rows = before.length === 0 ? [] : this.#lines().slice(1);
    const lines = rows.map((line) => formatLine(columns, parseRow(before, line)));
    this.#replace(formatHeader(columns) + lines.join(""));
    this.#columns = columns;
    this.#known = new Set(columns);
  }

  #replace(text: string): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    writeFileAtomic(this.path, text);
  }
}
