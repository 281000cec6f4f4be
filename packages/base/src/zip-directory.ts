/** A file, or bytes, read at chosen positions: `read` gives all that is asked for, or throws. */
export interface ZipSource {
  readonly size: number;
  read(position: number, length: number): Uint8Array;
}

/** What the directory of a zip archive says of a member. */
export interface ZipEntry {
  readonly name: string;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly encrypted: boolean;
  readonly crc: number;
  /** Bytes after and before decompression. */
  readonly size: number;
  readonly storedSize: number;
  readonly localHeader: number;
}

/**
 * The members of a zip archive, without reading them, for readers that take a member from its position in a large file
 * (libraries read whole archives, or asynchronously). Format: PKWARE's APPNOTE.TXT 4.3, with ZIP64.
 * @throws RangeError that says what is wrong; the caller knows the file's name
 */
export function readZipDirectory(source: ZipSource, maxDirectoryBytes: number): ZipEntry[] {
  const { count, offset, size } = findDirectory(source);
  if (size > maxDirectoryBytes) throw new RangeError(`its directory has ${size} bytes`);
  const bytes = source.read(offset, size);
  const view = viewOf(bytes);
  const entries: ZipEntry[] = [];
  for (let at = 0; entries.length < count; ) {
    if (at + 46 > size || view.getUint32(at, true) !== 0x02014b50) throw new RangeError("its directory is cut");
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > size) throw new RangeError("its directory is cut");
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const extra = bytes.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength);
    const [full = 0, storedSize = 0, localHeader = 0] = wideFields(extra, [
      view.getUint32(at + 24, true),
      view.getUint32(at + 20, true),
      view.getUint32(at + 42, true),
    ]);
    if (localHeader + 30 + storedSize > offset) throw new RangeError(`'${name}' lies outside the file`);
    entries.push({
      name,
      method: view.getUint16(at + 10, true),
      encrypted: (view.getUint16(at + 8, true) & 1) !== 0,
      crc: view.getUint32(at + 16, true),
      size: full,
      storedSize,
      localHeader,
    });
    at = next;
  }
  return entries;
}

/** Position of a member's first byte. @throws RangeError where its own header is not there */
export function zipDataStart(source: ZipSource, { name, localHeader }: ZipEntry): number {
  const local = viewOf(source.read(localHeader, 30));
  if (local.getUint32(0, true) !== 0x04034b50) throw new RangeError(`'${name}' does not begin where it should`);
  return localHeader + 30 + local.getUint16(26, true) + local.getUint16(28, true);
}

interface Directory {
  readonly count: number;
  readonly offset: number;
  readonly size: number;
}

function findDirectory(source: ZipSource): Directory {
  const length = Math.min(source.size, 22 + 0xffff);
  const start = source.size - length;
  const tail = viewOf(source.read(start, length));
  for (let at = length - 22; at >= 0; at--) {
    if (tail.getUint32(at, true) !== 0x06054b50) continue;
    const directory = zip64Directory(source, start + at) ?? {
      count: tail.getUint16(at + 10, true),
      size: tail.getUint32(at + 12, true),
      offset: tail.getUint32(at + 16, true),
    };
    if (directory.offset + directory.size > start + at) throw new RangeError("its directory lies outside the file");
    return directory;
  }
  throw new RangeError("its directory is missing: the file is truncated");
}

function zip64Directory(source: ZipSource, endRecord: number): Directory | undefined {
  if (endRecord < 20) return undefined;
  const locator = viewOf(source.read(endRecord - 20, 20));
  if (locator.getUint32(0, true) !== 0x07064b50) return undefined;
  const at = uint64(locator, 8);
  if (at + 56 > endRecord) throw new RangeError("its ZIP64 record is missing");
  const record = viewOf(source.read(at, 56));
  if (record.getUint32(0, true) !== 0x06064b50) throw new RangeError("its ZIP64 record is missing");
  return { count: uint64(record, 32), size: uint64(record, 40), offset: uint64(record, 48) };
}

/** Replaces the fields that say "see the ZIP64 extra" by the values found there, in their fixed order. */
function wideFields(extra: Uint8Array, fields: readonly number[]): number[] {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.byteLength; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    const end = Math.min(extra.byteLength, at + 4 + view.getUint16(at + 2, true));
    let field = at + 4;
    return fields.map((value) => {
      if (value !== 0xffffffff || field + 8 > end) return value;
      field += 8;
      return uint64(view, field - 8);
    });
  }
  return [...fields];
}

function uint64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
