import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { inflateRawSync } from "node:zlib";
import { CtError, readZipDirectory, zipDataStart } from "@classifier-training/base";
import { type ImportedFile, maxImportBytes } from "@classifier-training/dashboard";
import { isHidden, isImageName, mayBeImageName } from "@classifier-training/image/files";
import { render } from "./renderings.ts";
import type { Workspace } from "./workspace.ts";

/** Extensions by what a file is, whatever it was called. */
const extensions: Readonly<Record<string, string>> = {
  jpeg: ".jpg",
  png: ".png",
  webp: ".webp",
  gif: ".gif",
  tiff: ".tif",
  heif: ".avif",
  bmp: ".bmp",
  pnm: ".ppm",
  ppm: ".ppm",
};
const maxArchiveImages = 100_000;
const maxDirectoryBytes = 2 ** 26;

/** Takes images into a workspace: checked, stored under the hash of their content, once each. */
export class ImageImport {
  readonly #workspace: Workspace;
  /** The folder's own images by the size of their files. */
  #bySize: ReadonlyMap<number, readonly string[]> = new Map();
  #reads = -1;

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
  }

  /** Stores an image; it is part of the data once an edit `add` names it. @param name what it was called */
  async file(bytes: Uint8Array, name: string): Promise<ImportedFile> {
    try {
      if (bytes.length === 0) throw refused("the file is empty");
      if (bytes.length > maxImportBytes) throw refused(`the file has more than ${maxImportBytes / 2 ** 20} MB`);
      const known = this.#known(bytes);
      if (known !== undefined) return { name, path: known, isNew: false };
      const { format } = await render(bytes, 64, name);
      const extension = extensions[format];
      if (extension === undefined)
        throw refused(
          `images of this format${format === "" ? "" : ` (${format})`} are not taken: save it as JPEG or PNG`,
        );
      const path = this.#workspace.log.store(bytes, extension);
      return { name, path, isNew: this.#workspace.image(path) === undefined };
    } catch (error) {
      return { name, error: CtError.is(error) ? error.problem.what : "it cannot be stored: see the space on the disk" };
    }
  }

  /** The images of a zip archive. @throws CtError for one that is broken, encrypted, or has too many files */
  async archive(bytes: Uint8Array): Promise<ImportedFile[]> {
    const source = {
      size: bytes.length,
      read(position: number, length: number) {
        if (position < 0 || position + length > bytes.length) throw new RangeError("it is cut off");
        return bytes.subarray(position, position + length);
      },
    };
    try {
      const entries = readZipDirectory(source, maxDirectoryBytes).filter(
        ({ name }) =>
          !name.endsWith("/") &&
          !name.split("/").some((part) => !/^\.\.?$/.test(part) && isHidden(part)) &&
          mayBeImage(basename(name)),
      );
      if (entries.length > maxArchiveImages) throw new RangeError(`it has more than ${maxArchiveImages} images`);
      const files: ImportedFile[] = [];
      for (const entry of entries) {
        // A name is only ever said, and never a place on the disk.
        const name = entry.name;
        if (entry.encrypted) files.push({ name, error: "it is encrypted" });
        else if (entry.method !== 0 && entry.method !== 8)
          files.push({ name, error: "it is compressed in an unknown way" });
        else {
          const start = zipDataStart(source, entry);
          const stored = source.read(start, entry.storedSize);
          const file = entry.method === 0 ? stored : inflated(stored);
          files.push(file === undefined ? { name, error: "it is damaged, or too large" } : await this.file(file, name));
        }
      }
      return files;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new CtError({
        code: "classifier/studio",
        what: `the zip archive cannot be read: ${error.message}`,
        cause: error,
      });
    }
  }

  /** The image of the folder that has the same bytes. */
  #known(bytes: Uint8Array): string | undefined {
    if (this.#reads !== this.#workspace.reads) this.#readSizes();
    return this.#bySize.get(bytes.length)?.find((path) => {
      const file = this.#workspace.fileOf(path);
      return file !== undefined && Buffer.compare(readFileSync(file), bytes) === 0;
    });
  }

  #readSizes(): void {
    const bySize = new Map<number, string[]>();
    for (const { path, source } of this.#workspace.images) {
      // Imported ones have the hash of their content as their name.
      const file = source === undefined ? this.#workspace.fileOf(path) : undefined;
      const size = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false })?.size;
      if (size === undefined) continue;
      const same = bySize.get(size);
      if (same === undefined) bySize.set(size, [path]);
      else same.push(path);
    }
    this.#bySize = bySize;
    this.#reads = this.#workspace.reads;
  }
}

function mayBeImage(name: string): boolean {
  return isImageName(name) || mayBeImageName(name);
}

function inflated(stored: Uint8Array): Uint8Array | undefined {
  try {
    return inflateRawSync(stored, { maxOutputLength: maxImportBytes });
  } catch {
    return undefined;
  }
}

function refused(what: string): CtError {
  return new CtError({ code: "classifier/studio", what });
}
