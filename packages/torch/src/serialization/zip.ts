import { crc32 } from "node:zlib";
import { badFile, type SerializationError } from "./errors.ts";
import type { RandomAccessFile } from "./random-access-file.ts";

/**
 * Entries of a zip archive as PyTorch writes them: stored, not compressed, so that a tensor is read from its position
 * in the file straight into its own memory. A general library would hold the whole file and copy each entry out of it,
 * and those tried check no CRC. Format: PKWARE's APPNOTE.TXT 4.3, with ZIP64.
 */
export class StoredZip {
  readonly #file: RandomAccessFile;
  readonly #entries: ReadonlyMap<string, Entry>;

  constructor(file: RandomAccessFile) {
    this.#file = file;
    const { count, offset, size } = findDirectory(file);
    this.#entries = readDirectory(file, file.read(offset, size), count, offset);
  }

  get names(): Iterable<string> {
    return this.#entries.keys();
  }

  size(name: string): number | undefined {
    return this.#entries.get(name)?.size;
  }

  /** @throws SerializationError if it is absent, compressed, outside the file, or its checksum does not match */
  read(name: string): Uint8Array<ArrayBuffer> {
    const entry = this.#entries.get(name);
    if (!entry) throw broken(this.#file, `'${name}' is missing from it`);
    const local = viewOf(this.#file.read(entry.localHeader, 30));
    if (local.getUint32(0, true) !== 0x04034b50) throw broken(this.#file, `'${name}' does not begin where it should`);
    const begin = entry.localHeader + 30 + local.getUint16(26, true) + local.getUint16(28, true);
    const bytes = this.#file.read(begin, entry.size);
    if (crc32(bytes) !== entry.crc) {
      throw badFile(this.#file.path, `the checksum of '${name}' does not match: the file is damaged`, "fetch it again");
    }
    return bytes;
  }
}

interface Entry {
  readonly size: number;
  readonly crc: number;
  readonly localHeader: number;
}

interface Directory {
  readonly count: number;
  readonly offset: number;
  readonly size: number;
}

/** Entries of a model are a few hundred bytes of directory each; far more than any needs. */
const maxDirectoryBytes = 64 * 2 ** 20;

function findDirectory(file: RandomAccessFile): Directory {
  const length = Math.min(file.size, 22 + 0xffff);
  const start = file.size - length;
  const tail = viewOf(file.read(start, length));
  for (let at = length - 22; at >= 0; at--) {
    if (tail.getUint32(at, true) !== 0x06054b50) continue;
    const directory = zip64Directory(file, start + at) ?? {
      count: tail.getUint16(at + 10, true),
      size: tail.getUint32(at + 12, true),
      offset: tail.getUint32(at + 16, true),
    };
    if (directory.size > maxDirectoryBytes) throw broken(file, `its directory has ${directory.size} bytes`);
    if (directory.offset + directory.size > start + at) throw broken(file, "its directory lies outside the file");
    return directory;
  }
  throw broken(file, "its directory is missing: the file is cut off");
}

function zip64Directory(file: RandomAccessFile, endRecord: number): Directory | undefined {
  if (endRecord < 20) return undefined;
  const locator = viewOf(file.read(endRecord - 20, 20));
  if (locator.getUint32(0, true) !== 0x07064b50) return undefined;
  const record = viewOf(file.read(uint64(locator, 8), 56));
  if (record.getUint32(0, true) !== 0x06064b50) throw broken(file, "its ZIP64 record is missing");
  return { count: uint64(record, 32), size: uint64(record, 40), offset: uint64(record, 48) };
}

function readDirectory(
  file: RandomAccessFile,
  bytes: Uint8Array<ArrayBuffer>,
  count: number,
  directoryOffset: number,
): Map<string, Entry> {
  const view = viewOf(bytes);
  const entries = new Map<string, Entry>();
  let total = 0;
  for (let at = 0, i = 0; i < count; i++) {
    if (at + 46 > bytes.byteLength || view.getUint32(at, true) !== 0x02014b50)
      throw broken(file, "its directory is cut");
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > bytes.byteLength) throw broken(file, "its directory is cut");
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const extra = bytes.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength);
    const [size, compressed, localHeader] = wideFields(extra, [
      view.getUint32(at + 24, true),
      view.getUint32(at + 20, true),
      view.getUint32(at + 42, true),
    ]);
    const flags = view.getUint16(at + 8, true);
    if (view.getUint16(at + 10, true) !== 0 || size !== compressed || (flags & 1) !== 0) {
      throw badFile(file.path, `'${name}' is compressed or encrypted, which torch.save never does`);
    }
    if (entries.has(name)) throw broken(file, `'${name}' is in it twice`);
    total += size;
    if (localHeader + 30 + size > directoryOffset || total > file.size) {
      throw broken(file, `'${name}' lies outside the file, or over another entry`);
    }
    entries.set(name, { size, crc: view.getUint32(at + 16, true), localHeader });
    at = next;
  }
  return entries;
}

/** Replaces the fields that say "see the ZIP64 extra" by the values found there, in their fixed order. */
function wideFields(extra: Uint8Array, fields: readonly [number, number, number]): [number, number, number] {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.byteLength; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    const end = Math.min(extra.byteLength, at + 4 + view.getUint16(at + 2, true));
    let field = at + 4;
    return fields.map((value) => {
      if (value !== 0xffffffff || field + 8 > end) return value;
      field += 8;
      return uint64(view, field - 8);
    }) as [number, number, number];
  }
  return [...fields];
}

function uint64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function broken(file: RandomAccessFile, what: string): SerializationError {
  return badFile(file.path, `it is no zip archive of torch.save: ${what}`);
}
