import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

/** Ends a line that a killed process has left without an end. */
const cutOff = "#cut off";
/** Bytes that are read at once. */
const chunkBytes = 2 ** 23;

/**
 * A file of lines of JSON that processes append to at the same time. A line is one `write` that has reached the disk when
 * `append` returns. A last line that a killed process has not written to its end is left out, and marked by the next `append`.
 */
export class LineFile {
  readonly path: string;
  /** Whether the last line was left out. */
  isCutOff = false;
  readonly #take: (text: string, number: number) => void;
  readonly #forget: () => void;
  /** Bytes that were read, and the number of lines in them. */
  #read = 0;
  #lines = 0;
  /** Whether the last one of them had no end. */
  #isOpen = false;
  #inode = 0;

  /**
   * @param take gets each line and its number, from 1
   * @param forget is called before all lines come again, because the file is another one or `take` failed
   */
  constructor(path: string, take: (text: string, number: number) => void, forget: () => void) {
    this.path = path;
    this.#take = take;
    this.#forget = forget;
  }

  /** Lines so far. */
  get length(): number {
    return this.#lines;
  }

  /** @throws Error of the system, or when the disk is full */
  append(line: string): void {
    this.refresh();
    const before = this.isCutOff ? `${cutOff}\n` : this.#isOpen ? "\n" : "";
    const bytes = Buffer.from(`${before}${line}\n`);
    mkdirSync(dirname(this.path), { recursive: true });
    const isNew = !existsSync(this.path);
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
    const file = openSync(this.path, flags, 0o666);
    try {
      if (writeSync(file, bytes) < bytes.length) throw new Error("its disk is full");
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (isNew) syncFolder(dirname(this.path));
  }

  /** Reads what was appended; all of it when the file is another one. */
  refresh(): void {
    const stat = statSync(this.path, { throwIfNoEntry: false });
    if (stat === undefined ? this.#read > 0 : stat.ino !== this.#inode || stat.size < this.#read) this.#restart();
    if (stat === undefined || stat.size === this.#read) return;
    this.#inode = stat.ino;
    const file = openSync(this.path, "r");
    try {
      this.#readFrom(file, fstatSync(file));
    } catch (error) {
      // Read again from its beginning, once it was repaired.
      this.#restart();
      throw error;
    } finally {
      closeSync(file);
    }
  }

  #readFrom(file: number, { size }: Stats): void {
    let rest = Buffer.alloc(0);
    for (let at = this.#read; at < size; ) {
      const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, size - at));
      const count = readSync(file, chunk, 0, chunk.length, at);
      if (count === 0) break;
      at += count;
      const end = chunk.lastIndexOf(10, count - 1) + 1;
      if (end === 0) {
        rest = Buffer.concat([rest, chunk.subarray(0, count)]);
        continue;
      }
      this.#readLines(Buffer.concat([rest, chunk.subarray(0, end)]));
      rest = Buffer.from(chunk.subarray(end, count));
    }
    this.#readTail(rest);
  }

  /** @param bytes whole lines */
  #readLines(bytes: Buffer): void {
    const lines = bytes.toString("utf8").split("\n");
    lines.pop();
    // The end of a line that was read without it.
    if (this.#isOpen) lines.shift();
    this.#isOpen = false;
    for (const text of lines) {
      this.#lines++;
      if (text.trim() === "" || text.endsWith(cutOff)) continue;
      this.#take(text, this.#lines);
    }
    this.#read += bytes.length;
  }

  /** A line without an end is one that a killed process has left, or a person. */
  #readTail(bytes: Buffer): void {
    this.isCutOff = bytes.length > 0;
    const text = bytes.toString("utf8");
    if (!isJson(text)) return;
    this.#take(text, ++this.#lines);
    this.#read += bytes.length;
    this.isCutOff = false;
    this.#isOpen = true;
  }

  #restart(): void {
    this.#read = 0;
    this.#lines = 0;
    this.isCutOff = false;
    this.#isOpen = false;
    this.#forget();
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What a new file's name needs to survive a loss of power; Windows does it by itself. */
function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const folder = openSync(path, "r");
  fsyncSync(folder);
  closeSync(folder);
}
