import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, relative } from "node:path";
import { CtError } from "@classifier-training/base";

/** The files of an exported model: those of a folder, or of a zip archive, by paths with forward slashes. */
export interface ModelFiles {
  /** Where a file is, for messages. */
  locate(path: string): string;
  has(path: string): boolean;
  read(path: string): Uint8Array;
  list(): string[];
}

/** @param path a folder or a `.zip` archive @throws CtError for an archive that cannot be read */
export async function openModelFiles(path: string): Promise<ModelFiles> {
  return extname(path) === ".zip" ? zipFiles(path) : folderFiles(path);
}

function folderFiles(folder: string): ModelFiles {
  const locate = (path: string) => join(folder, path);
  return {
    locate,
    has: (path) => statSync(locate(path), { throwIfNoEntry: false })?.isFile() === true,
    read: (path) => readFileSync(locate(path)),
    list: () =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
        .sort(),
  };
}

/** The whole archive is held in memory. One made of a bundle's folder, instead of its files, is the same bundle. */
async function zipFiles(path: string): Promise<ModelFiles> {
  const { unzipSync } = await import("fflate");
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(readFileSync(path));
  } catch (cause) {
    throw new CtError({
      code: "classifier/archive",
      what: `the archive cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      where: path,
      fix: "copy it again, or make it again with `classifier export RUN --zip`",
      cause,
    });
  }
  const names = Object.keys(entries).filter((name) => !name.endsWith("/"));
  const top = names[0]?.split("/")[0] ?? "";
  const prefix = names.length > 0 && names.every((name) => name.startsWith(`${top}/`)) ? `${top}/` : "";
  const files = new Map(names.map((name) => [name.slice(prefix.length), entries[name] as Uint8Array]));
  return {
    locate: (name) => `${path}: ${name}`,
    has: (name) => files.has(name),
    read: (name) => files.get(name) as Uint8Array,
    list: () => [...files.keys()].sort(),
  };
}
