import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { CtError, openRegularFile } from "@classifier-training/base";
import { type Record as LogRecord, RecordSchema } from "../proto/wandb.generated.ts";

/**
 * The `.wandb` transaction log: LevelDB's log format with a file header and plain CRC-32. The file is a sequence of
 * 32 KiB blocks; a record is cut into chunks that never cross a block, each with checksum, length and type before it.
 */
const blockSize = 32768;
const chunkHeaderSize = 7;
const fileHeader = Uint8Array.of(0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0);
const chunkTypes = { full: 1, first: 2, middle: 3, last: 4 } as const;

/** Appends records to a new transaction log; each record is one write, so a killed process leaves complete records. */
export class TransactionLogWriter {
  readonly path: string;
  #file: number | undefined;
  #position = fileHeader.length;

  /** @throws the system's `EEXIST` when the file is there already: a log is never overwritten. */
  constructor(path: string) {
    this.path = path;
    this.#file = openSync(path, "ax");
    writeSync(this.#file, fileHeader);
  }

  write(record: Uint8Array): void {
    if (this.#file === undefined) return;
    const framed = frame(record, this.#position);
    for (let done = 0; done < framed.length; ) done += writeSync(this.#file, framed, done);
    this.#position += framed.length;
  }

  close(): void {
    if (this.#file === undefined) return;
    fsyncSync(this.#file);
    closeSync(this.#file);
    this.#file = undefined;
  }
}

/** The bytes that a record takes in the file, from this position on. */
function frame(record: Uint8Array, position: number): Buffer {
  const parts: Uint8Array[] = [];
  let at = position;
  let done = 0;
  let isFirst = true;
  do {
    let space = blockSize - (at % blockSize);
    if (space < chunkHeaderSize) {
      parts.push(new Uint8Array(space));
      at += space;
      space = blockSize;
    }
    const length = Math.min(record.length - done, space - chunkHeaderSize);
    const isLast = done + length === record.length;
    const type = isFirst ? (isLast ? "full" : "first") : isLast ? "last" : "middle";
    const data = record.subarray(done, done + length);
    parts.push(chunkHeader(chunkTypes[type], data), data);
    at += chunkHeaderSize + length;
    done += length;
    isFirst = false;
  } while (done < record.length);
  return Buffer.concat(parts);
}

function chunkHeader(type: number, data: Uint8Array): Uint8Array {
  const header = Buffer.alloc(chunkHeaderSize);
  header.writeUInt32LE(crc32(data, crc32(Uint8Array.of(type))), 0);
  header.writeUInt16LE(data.length, 4);
  header[6] = type;
  return header;
}

/**
 * Reads records one by one, and can be asked again when more was appended. A record that is not complete (yet) is not
 * returned; a damaged chunk loses the rest of its block; reading continues with the next block.
 */
export class TransactionLogReader {
  readonly path: string;
  readonly #file: number;
  #position = fileHeader.length;
  /** Records that could not be read. */
  damaged = 0;

  /** @throws CtError `wandb/log` when the file is not a transaction log. */
  constructor(path: string) {
    this.path = path;
    this.#file = openRegularFile(path).file;
    const header = new Uint8Array(fileHeader.length);
    const read = readSync(this.#file, header, 0, header.length, 0);
    if (read === header.length && header.every((byte, i) => byte === fileHeader[i])) return;
    closeSync(this.#file);
    throw new CtError({
      code: "wandb/log",
      what: "not a W&B transaction log: expected the header of a .wandb file",
      where: path,
    });
  }

  /** Where the next record begins, bytes. */
  get position(): number {
    return this.#position;
  }

  /** The next complete record, or `undefined` at the end of what was written so far. */
  next(): LogRecord | undefined {
    for (;;) {
      const bytes = this.#nextBytes();
      if (bytes === undefined) return undefined;
      try {
        return fromBinary(RecordSchema, bytes);
      } catch {
        this.damaged++;
      }
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #nextBytes(): Uint8Array | undefined {
    const { size } = fstatSync(this.#file);
    const parts: Uint8Array[] = [];
    let at = this.#position;
    for (;;) {
      const space = blockSize - (at % blockSize);
      if (space < chunkHeaderSize) {
        at += space;
        continue;
      }
      if (at + chunkHeaderSize > size) return undefined;
      const header = this.#read(at, chunkHeaderSize);
      const length = header.readUInt16LE(4);
      const type = header[6] as number;
      const fits = length <= space - chunkHeaderSize;
      if (fits && at + chunkHeaderSize + length > size) return undefined;
      const data = fits ? this.#read(at + chunkHeaderSize, length) : undefined;
      if (data === undefined || crc32(data, crc32(Uint8Array.of(type))) !== header.readUInt32LE(0)) {
        // Damaged: nothing behind it in this block can be trusted.
        this.damaged++;
        at += space;
        this.#position = at;
        parts.length = 0;
        if (at >= size) return undefined;
        continue;
      }
      at += chunkHeaderSize + length;
      const startsRecord = type === chunkTypes.full || type === chunkTypes.first;
      if (startsRecord) parts.length = 0;
      else if (parts.length === 0) {
        // The rest of a record whose beginning was damaged.
        this.#position = at;
        continue;
      }
      parts.push(data);
      if (type !== chunkTypes.full && type !== chunkTypes.last) continue;
      this.#position = at;
      return parts.length === 1 ? data : Buffer.concat(parts);
    }
  }

  #read(position: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    readSync(this.#file, bytes, 0, length, position);
    return bytes;
  }
}
