import { closeSync, openSync, readSync, statSync } from "node:fs";
import { VisionError } from "../errors.ts";

/** A file inside an archive: where its bytes are. */
export interface ArchiveEntry {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly deflated: boolean;
}

/** The files of a tar archive (ustar, GNU long names, pax paths and sizes). @throws VisionError if it is broken. */
export function readTarEntries(path: string): ArchiveEntry[] {
  const size = statSync(path).size;
  const file = openSync(path, "r");
  const entries: ArchiveEntry[] = [];
  const read = (at: number, length: number) => {
    const bytes = Buffer.alloc(length);
    if (readSync(file, bytes, 0, length, at) !== length) throw broken(path, "it is cut off");
    return bytes;
  };
  try {
    let pax: Record<string, string> = {};
    let longName: string | undefined;
    for (let at = 0; at + 512 <= size; ) {
      const header = read(at, 512);
      if (header.every((byte) => byte === 0)) break;
      checkSum(header, path);
      const length = Number(pax["size"] ?? numberOf(header, 124, 12));
      const type = String.fromCharCode(header[156] as number);
      const start = at + 512;
      if (!(length >= 0) || start + length > size) throw broken(path, "a member is longer than the file");
      if (type === "x") pax = parsePax(read(start, length));
      else if (type === "L") longName = textOf(read(start, length), 0, length);
      else {
        if (type === "0" || type === "\0") {
          const prefix = textOf(header, 257, 5) === "ustar" ? textOf(header, 345, 155) : "";
          const short = textOf(header, 0, 100);
          const name = pax["path"] ?? longName ?? (prefix === "" ? short : `${prefix}/${short}`);
          entries.push({ name: name.replace(/^\.\//, ""), offset: start, length, deflated: false });
        }
        pax = {};
        longName = undefined;
      }
      at = start + Math.ceil(length / 512) * 512;
    }
  } finally {
    closeSync(file);
  }
  return entries;
}

function textOf(bytes: Buffer, at: number, length: number): string {
  const end = bytes.indexOf(0, at);
  return bytes.toString("utf8", at, end < 0 ? at + length : Math.min(end, at + length));
}

/** Octal text, or big-endian bytes if the first bit is set. */
function numberOf(bytes: Buffer, at: number, length: number): number {
  if (((bytes[at] as number) & 0x80) === 0) return Number.parseInt(textOf(bytes, at, length).trim() || "0", 8);
  let value = (bytes[at] as number) & 0x7f;
  for (let i = 1; i < length; i++) value = value * 256 + (bytes[at + i] as number);
  return value;
}

function checkSum(header: Buffer, path: string): void {
  let sum = 0;
  for (const [i, byte] of header.entries()) sum += i >= 148 && i < 156 ? 32 : byte;
  if (sum !== numberOf(header, 148, 8)) throw broken(path, "a header's checksum is wrong");
}

function parsePax(bytes: Buffer): Record<string, string> {
  const values: Record<string, string> = Object.create(null);
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number.parseInt(bytes.toString("utf8", at, space), 10);
    if (!(length > 0)) break;
    const [key = "", ...value] = bytes.toString("utf8", space + 1, at + length - 1).split("=");
    values[key] = value.join("=");
    at += length;
  }
  return values;
}

export function broken(path: string, why: string): VisionError {
  return new VisionError({ code: "vision/shard", what: `the archive ${path} is broken: ${why}` });
}
