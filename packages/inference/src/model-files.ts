import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, extname, join, relative } from "node:path";
import { inflateRawSync } from "node:zlib";
import {
  CtError,
  readRegularFile,
  readZipDirectory,
  type ZipEntry,
  type ZipSource,
  zipDataStart,
} from "@classifier-training/base";
import { bundlePaths, isInside, type LabelsMapping, parseLabelsMapping } from "@classifier-training/runs";

/** The files of an exported model: those of a folder, or of a zip archive, by paths with forward slashes. */
export interface ModelFiles {
  /** Where a file is, for messages. */
  locate(path: string): string;
  has(path: string): boolean;
  read(path: string): Uint8Array;
  /** What ONNX Runtime opens: a path where there is one, since a model may have external weights beside it. */
  source(path: string): string | Uint8Array;
  list(): string[];
}

const maxBytes = 4 * 2 ** 30;

/**
 * The files with a model, and its name among them.
 * @param path an ONNX file, or a folder or `.zip` archive with `model.onnx` (a run, a bundle)
 * @throws CtError for a missing model, and for an archive that cannot be read
 */
export async function openModel(path: string): Promise<{ files: ModelFiles; model: string }> {
  const found = statSync(path, { throwIfNoEntry: false });
  const isModel = found?.isDirectory() !== true && extname(path) !== ".zip" && (found || extname(path) === ".onnx");
  const files = await openModelFiles(isModel ? dirname(path) : path);
  const model = isModel ? basename(path) : bundlePaths.model;
  if (!files.has(model)) throw missing("exported model", files.locate(model));
  return { files, model };
}

/** @throws CtError when the mapping is missing or not valid */
export function labelsMappingIn(files: ModelFiles): LabelsMapping {
  const where = files.locate(bundlePaths.labels);
  if (!files.has(bundlePaths.labels)) throw missing("labels mapping", where);
  return parseLabelsMapping(new TextDecoder().decode(files.read(bundlePaths.labels)), where);
}

function missing(what: string, where: string): CtError {
  return new CtError({
    code: "classifier/inference",
    what: `the ${what} is missing`,
    where,
    fix: "train with the ONNX export callback, or run `classifier export RUN`",
  });
}

/** @param path a folder or a `.zip` archive @throws CtError for an archive that cannot be read */
export async function openModelFiles(path: string): Promise<ModelFiles> {
  return extname(path) === ".zip" ? zipFiles(path) : folderFiles(path);
}

function folderFiles(folder: string): ModelFiles {
  const locate = (path: string) => join(folder, path);
  return {
    locate,
    has: (path) => isInside(folder, locate(path)) && existsSync(locate(path)) && statSync(locate(path)).isFile(),
    read: (path) => readRegularFile(locate(path), maxBytes),
    source: locate,
    list: () =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
        .sort(),
  };
}

/** The whole archive is held in memory. One that contains a bundle's folder, instead of its files, is the same bundle. */
function zipFiles(path: string): ModelFiles {
  const entries = unzip(path);
  const names = [...entries.keys()];
  const top = names[0]?.split("/")[0] ?? "";
  const prefix = names.length > 0 && names.every((name) => name.startsWith(`${top}/`)) ? `${top}/` : "";
  const files = new Map([...entries].map(([name, bytes]) => [name.slice(prefix.length), bytes]));
  const read = (name: string) => files.get(name) as Uint8Array;
  return {
    locate: (name) => `${path}: ${name}`,
    has: (name) => files.has(name),
    read,
    source: read,
    list: () => [...files.keys()].sort(),
  };
}

/** Weights and images hardly compress: an archive that would grow more than this is a decompression bomb. */
const largestGrowth = 10;
const alwaysAllowed = 64 * 2 ** 20;

function unzip(path: string): Map<string, Uint8Array> {
  const archive = readRegularFile(path, maxBytes);
  const limit = Math.min(maxBytes, alwaysAllowed + largestGrowth * archive.length);
  const source: ZipSource = { size: archive.length, read: (position, length) => partOf(archive, position, length) };
  try {
    const entries = readZipDirectory(source, archive.length).filter(({ name }) => !name.endsWith("/"));
    const total = entries.reduce((sum, { size }) => sum + size, 0);
    if (total > limit) throw new RangeError(`expected at most ${limit} bytes in its files, received ${total}`);
    return new Map(entries.map((entry) => [entry.name, unpack(source, entry)]));
  } catch (cause) {
    throw new CtError({
      code: "classifier/archive",
      what: `the archive cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      where: path,
      fix: "copy it again, or make it again with `classifier export RUN --zip`",
      cause,
    });
  }
}

function partOf(archive: Uint8Array, position: number, length: number): Uint8Array {
  if (position < 0 || position + length > archive.length) throw new RangeError("it is truncated");
  return archive.subarray(position, position + length);
}

function unpack(source: ZipSource, entry: ZipEntry): Uint8Array {
  const { name, method, encrypted, size, storedSize } = entry;
  if (encrypted) throw new RangeError(`'${name}' is encrypted`);
  const stored = source.read(zipDataStart(source, entry), storedSize);
  if (method !== 0 && method !== 8)
    throw new RangeError(`'${name}' is compressed by method ${method}: expected 0 or 8`);
  const bytes = method === 0 ? stored : inflateRawSync(stored, { maxOutputLength: Math.max(1, size) });
  if (bytes.length !== size) throw new RangeError(`'${name}': expected ${size} bytes, received ${bytes.length}`);
  return bytes;
}
