import { closeSync, openSync, readSync, statSync } from "node:fs";
import { readZipDirectory, zipDataStart } from "@classifier-training/base";
import { type ArchiveEntry, broken } from "./tar.ts";

/** About 10 million images. */
const maxDirectoryBytes = 2 ** 30;

/** The files of a zip archive (stored or deflated, zip64). @throws VisionError if it is broken or encrypted. */
export function readZipEntries(path: string): ArchiveEntry[] {
  const { size } = statSync(path);
  const file = openSync(path, "r");
  const source = {
    size,
    read(position: number, length: number) {
      const bytes = new Uint8Array(length);
      if (position < 0 || readSync(file, bytes, 0, length, position) !== length) throw new RangeError("it is cut off");
      return bytes;
    },
  };
  try {
    return readZipDirectory(source, maxDirectoryBytes).flatMap((entry): ArchiveEntry[] => {
      const { name, method, encrypted, storedSize } = entry;
      if (name.endsWith("/")) return [];
      if (encrypted) throw new RangeError(`${name} is encrypted`);
      if (method !== 0 && method !== 8) throw new RangeError(`${name} is compressed by method ${method}`);
      const offset = zipDataStart(source, entry);
      if (offset + storedSize > size) throw new RangeError(`${name} is cut off`);
      return [{ name, offset, length: storedSize, deflated: method === 8 }];
    });
  } catch (error) {
    if (error instanceof RangeError) throw broken(path, error.message);
    throw error;
  } finally {
    closeSync(file);
  }
}
