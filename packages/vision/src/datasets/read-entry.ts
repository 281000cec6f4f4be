import { closeSync, openSync, readSync } from "node:fs";
import { inflateRawSync } from "node:zlib";
import { VisionError } from "../errors.ts";
import type { ArchiveEntry } from "./tar.ts";

/** The bytes of an archive's member. @param path what it is called @throws VisionError naming it */
export function readEntry(shard: string, entry: Omit<ArchiveEntry, "name">, path: string): Uint8Array {
  const file = openSync(shard, "r");
  try {
    const bytes = new Uint8Array(entry.length);
    if (readSync(file, bytes, 0, entry.length, entry.offset) !== entry.length) throw new RangeError("it is cut off");
    return entry.deflated ? inflateRawSync(bytes, { maxOutputLength: 1 << 29 }) : bytes;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VisionError({ code: "image/decode", what: `${path} cannot be read: ${why}`, cause: error });
  } finally {
    closeSync(file);
  }
}
