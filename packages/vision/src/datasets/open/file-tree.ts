import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import type { DecodeOptions } from "@classifier-training/image";
import { filesBelow, filesIn, pathFrom, subfolders } from "@classifier-training/image/files";
import type { SourceSpec } from "../source-spec.ts";

/**
 * The files of a folder or of archives, so that both are recognized and read by the same code. A file is named by its whole
 * path, which for a member of an archive is `ARCHIVE!NAME`. Hidden files are not seen.
 */
export interface FileTree {
  readonly isArchive: boolean;
  /** What it is called in messages; every path of its own begins with it. */
  readonly root: string;
  /** Names of the folders in it. */
  folders(): readonly string[];
  folder(name: string): FileTree;
  /** The same tree without some of the folders in its root. */
  without(folders: readonly string[]): FileTree;
  /** Paths of all files below it, in a fixed order. */
  files(): readonly string[];
  /** Those in the root itself. */
  filesIn(): readonly string[];
  /** Path that a name means in the file `from`; without it, in the root. */
  resolve(name: string, from?: string): string;
  exists(path: string): boolean;
  contains(path: string): boolean;
  /** A path that does not depend on the working directory. */
  absolute(path: string): string;
  /** The same for two paths of one file. */
  identity(path: string): string;
  read(path: string): Uint8Array;
  /** A path as it is called within the tree. */
  relative(path: string): string;
  /** Where worker threads find images. */
  images(paths: readonly string[], decode: DecodeOptions): SourceSpec;
}

/** A folder on disk. */
export class FolderTree implements FileTree {
  readonly isArchive = false;
  readonly root: string;
  #files: readonly string[] | undefined;
  #folders: readonly string[] | undefined;
  #byFolder: ReadonlyMap<string, readonly string[]> | undefined;
  readonly #entries: Map<string, ReadonlySet<string>>;

  constructor(root: string, files?: readonly string[], entries = new Map<string, ReadonlySet<string>>()) {
    this.root = root;
    this.#files = files;
    this.#entries = entries;
  }

  folders(): readonly string[] {
    this.#folders ??= subfolders(this.root);
    return this.#folders;
  }

  folder(name: string): FolderTree {
    if (this.#files === undefined) return new FolderTree(join(this.root, name), undefined, this.#entries);
    this.#byFolder ??= groupByFolder(this.#files, (path) => path.slice(this.#start), sep);
    return new FolderTree(join(this.root, name), this.#byFolder.get(name) ?? [], this.#entries);
  }

  without(folders: readonly string[]): FolderTree {
    if (folders.length === 0) return this;
    const hidden = folders.map((name) => join(this.root, name) + sep);
    const files = this.files().filter((path) => !hidden.some((folder) => path.startsWith(folder)));
    const tree = new FolderTree(this.root, files, this.#entries);
    tree.#folders = this.folders().filter((name) => !folders.includes(name));
    return tree;
  }

  files(): readonly string[] {
    this.#files ??= filesBelow(this.root, () => true);
    return this.#files;
  }

  filesIn(): readonly string[] {
    if (this.#files === undefined) return filesIn(this.root, () => true);
    return this.#files.filter((path) => !path.includes(sep, this.#start));
  }

  /** Where names begin in paths. */
  get #start(): number {
    return join(this.root, "x").length - 1;
  }

  resolve(name: string, from?: string): string {
    return pathFrom(from === undefined ? this.root : dirname(from), name);
  }

  exists(path: string): boolean {
    const folder = dirname(path);
    let names = this.#entries.get(folder);
    if (names === undefined) {
      names = namesIn(folder);
      this.#entries.set(folder, names);
    }
    // A file system may find a name that is written in another way.
    return names.has(path.slice(path.lastIndexOf(sep) + 1)) || existsSync(path);
  }

  contains(path: string): boolean {
    return resolve(path).startsWith(resolve(this.root) + sep);
  }

  absolute(path: string): string {
    return resolve(path);
  }

  identity(path: string): string {
    return this.exists(path) ? realpathSync(path) : resolve(path);
  }

  read(path: string): Uint8Array {
    return readFileSync(path);
  }

  relative(path: string): string {
    return relative(this.root, path);
  }

  images(paths: readonly string[], decode: DecodeOptions): SourceSpec {
    return { kind: "files", paths, decode };
  }
}

/** Names in a folder, without links: where those lead, only the system knows. */
function namesIn(folder: string): ReadonlySet<string> {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return new Set(entries.filter((entry) => !entry.isSymbolicLink()).map(({ name }) => name));
  } catch {
    return new Set();
  }
}

/** Paths by the first folder of their names; those that are in no folder are left out. */
export function groupByFolder(
  paths: readonly string[],
  nameIn: (path: string) => string,
  separator: string,
): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const path of paths) {
    const whole = nameIn(path);
    const end = whole.indexOf(separator);
    if (end < 0) continue;
    const name = whole.slice(0, end);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [path]);
    else group.push(path);
  }
  return groups;
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf(sep), path.lastIndexOf("!")) + 1);
}
