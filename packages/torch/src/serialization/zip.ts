import { crc32 } from "node:zlib";
import { readZipDirectory, type ZipEntry, zipDataStart } from "@classifier-training/base";
import { badFile, type SerializationError } from "./errors.ts";
import type { RandomAccessFile } from "./random-access-file.ts";

/** Entries of a model are a few hundred bytes of directory each; far more than any needs. */
const maxDirectoryBytes = 64 * 2 ** 20;

/**
 * Entries of a zip archive as PyTorch writes them: stored, not compressed, so that a tensor is read from its position
 * in the file straight into its own memory. A general library would hold the whole file and copy each entry out of it,
 * and those tried check no CRC.
 */
export class StoredZip {
  readonly #file: RandomAccessFile;
  readonly #entries: ReadonlyMap<string, ZipEntry>;

  /** @throws SerializationError if an entry is compressed, twice in it, or outside the file */
  constructor(file: RandomAccessFile) {
    this.#file = file;
    const entries = new Map<string, ZipEntry>();
    let total = 0;
    for (const entry of naming(file, () => readZipDirectory(file, maxDirectoryBytes))) {
      if (entry.method !== 0 || entry.size !== entry.storedSize || entry.encrypted) {
        throw badFile(file.path, `'${entry.name}' is compressed or encrypted, which torch.save never does`);
      }
      if (entries.has(entry.name)) throw broken(file, `'${entry.name}' is in it twice`);
      total += entry.size;
      if (total > file.size) throw broken(file, `'${entry.name}' lies over another entry`);
      entries.set(entry.name, entry);
    }
    this.#entries = entries;
  }

  get names(): Iterable<string> {
    return this.#entries.keys();
  }

  size(name: string): number | undefined {
    return this.#entries.get(name)?.size;
  }

  /** @throws SerializationError if it is absent, or its checksum does not match */
  read(name: string): Uint8Array<ArrayBuffer> {
    const entry = this.#entries.get(name);
    if (!entry) throw broken(this.#file, `'${name}' is missing from it`);
    const bytes = this.#file.read(
      naming(this.#file, () => zipDataStart(this.#file, entry)),
      entry.size,
    );
    if (crc32(bytes) !== entry.crc) {
      throw badFile(this.#file.path, `the checksum of '${name}' does not match: the file is damaged`, "fetch it again");
    }
    return bytes;
  }
}

function naming<T>(file: RandomAccessFile, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw broken(file, error.message);
    throw error;
  }
}

function broken(file: RandomAccessFile, what: string): SerializationError {
  return badFile(file.path, `not a zip archive of torch.save: ${what}`);
}
