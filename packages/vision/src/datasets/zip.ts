import { closeSync, openSync, readSync, statSync } from "node:fs";
import { type ArchiveEntry, broken } from "./tar.ts";

/** The files of a zip archive (stored or deflated, zip64). @throws VisionError if it is broken or encrypted. */
export function readZipEntries(path: string): ArchiveEntry[] {
  const size = statSync(path).size;
  const file = openSync(path, "r");
  const read = (at: number, length: number) => {
    const bytes = Buffer.alloc(length);
    if (at < 0 || readSync(file, bytes, 0, length, at) !== length) throw broken(path, "it is cut off");
    return bytes;
  };
  try {
    const { count, offset, length } = directoryOf(read, size, path);
    const directory = read(offset, length);
    const entries: ArchiveEntry[] = [];
    for (let i = 0, at = 0; i < count; i++) {
      if (at + 46 > length || directory.readUInt32LE(at) !== 0x02014b50) throw broken(path, "its directory is damaged");
      const method = directory.readUInt16LE(at + 10);
      const nameLength = directory.readUInt16LE(at + 28);
      const extraLength = directory.readUInt16LE(at + 30);
      const name = directory.toString("utf8", at + 46, at + 46 + nameLength);
      const extra = directory.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength);
      const [stored, start] = sizesOf(directory, at, extra);
      if (!name.endsWith("/")) {
        if ((directory.readUInt16LE(at + 8) & 1) === 1) throw broken(path, `${name} is encrypted`);
        if (method !== 0 && method !== 8) throw broken(path, `${name} is compressed by method ${method}`);
        const local = read(start, 30);
        const dataAt = start + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
        if (dataAt + stored > size) throw broken(path, `${name} is cut off`);
        entries.push({ name, offset: dataAt, length: stored, deflated: method === 8 });
      }
      at += 46 + nameLength + extraLength + directory.readUInt16LE(at + 32);
    }
    return entries;
  } finally {
    closeSync(file);
  }
}

type Read = (at: number, length: number) => Buffer;

function directoryOf(read: Read, size: number, path: string): { count: number; offset: number; length: number } {
  const tail = read(Math.max(0, size - 65557), Math.min(size, 65557));
  const at = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  if (at < 0 || at + 22 > tail.length) throw broken(path, "it has no directory");
  const found = {
    count: tail.readUInt16LE(at + 10),
    length: tail.readUInt32LE(at + 12),
    offset: tail.readUInt32LE(at + 16),
  };
  if (at < 20 || tail.readUInt32LE(at - 20) !== 0x07064b50) return found;
  const large = read(Number(tail.readBigUInt64LE(at - 20 + 8)), 56);
  return {
    count: Number(large.readBigUInt64LE(32)),
    length: Number(large.readBigUInt64LE(40)),
    offset: Number(large.readBigUInt64LE(48)),
  };
}

/** Stored size and position of a member, from the zip64 field where the plain ones are full. */
function sizesOf(directory: Buffer, at: number, extra: Buffer): [size: number, offset: number] {
  let stored = directory.readUInt32LE(at + 20);
  let start = directory.readUInt32LE(at + 42);
  for (let i = 0; i + 4 <= extra.length; i += 4 + extra.readUInt16LE(i + 2)) {
    if (extra.readUInt16LE(i) !== 1) continue;
    let field = i + 4;
    if (directory.readUInt32LE(at + 24) === 0xffffffff) field += 8;
    if (stored === 0xffffffff) {
      stored = Number(extra.readBigUInt64LE(field));
      field += 8;
    }
    if (start === 0xffffffff) start = Number(extra.readBigUInt64LE(field));
  }
  return [stored, start];
}
