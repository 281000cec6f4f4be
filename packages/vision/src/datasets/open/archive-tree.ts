import { posix, resolve } from "node:path";
import { comparePython } from "@classifier-training/base";
import type { DecodeOptions } from "@classifier-training/image";
import { isHidden } from "@classifier-training/image/files";
import { readEntry } from "../read-entry.ts";
import type { SourceSpec } from "../source-spec.ts";
import type { ArchiveEntry } from "../tar.ts";
import { type FileTree, groupByFolder } from "./file-tree.ts";

/** A file with members: the archive itself, or what was unpacked of it. */
export interface Archive {
  /** What it is called. */
  readonly name: string;
  /** Where its members' bytes are. */
  readonly file: string;
  readonly entries: readonly ArchiveEntry[];
}

interface Member extends ArchiveEntry {
  readonly archive: number;
}

/** The members of all archives of a tree. */
interface Members {
  readonly archives: readonly Archive[];
  readonly byPath: ReadonlyMap<string, Member>;
  /** The first path of each name: archives of one tree may have the same names in them. */
  readonly byName: ReadonlyMap<string, string>;
}

/** The files in archives, read in place: a zip or tar file, or all shards of a dataset. */
export class ArchiveTree implements FileTree {
  readonly isArchive = true;
  readonly root: string;
  readonly #members: Members;
  readonly #files: readonly string[];
  /** Of the names of its files. */
  readonly #prefix: string;
  #byFolder: ReadonlyMap<string, readonly string[]> | undefined;

  private constructor(root: string, members: Members, files: readonly string[], prefix: string) {
    this.root = root;
    this.#members = members;
    this.#files = files;
    this.#prefix = prefix;
  }

  static of(root: string, archives: readonly Archive[]): ArchiveTree {
    const byPath = new Map<string, Member>();
    const byName = new Map<string, string>();
    for (const [archive, { name: archiveName, entries }] of archives.entries()) {
      const members = entries
        .map((entry): Member => ({ ...entry, name: posix.normalize(entry.name.replaceAll("\\", "/")), archive }))
        .filter(({ name }) => !name.split("/").some((part) => part === ".." || isHidden(part)));
      for (const member of inOrder(members)) {
        const path = `${archiveName}!${member.name}`;
        byPath.set(path, member);
        if (!byName.has(member.name)) byName.set(member.name, path);
      }
    }
    return new ArchiveTree(root, { archives, byPath, byName }, [...byPath.keys()], "");
  }

  folders(): readonly string[] {
    return [...this.#groups().keys()].sort(comparePython);
  }

  folder(name: string): ArchiveTree {
    const root = `${this.root}${this.#prefix === "" ? "!" : "/"}${name}`;
    return new ArchiveTree(root, this.#members, this.#groups().get(name) ?? [], `${this.#prefix}${name}/`);
  }

  without(folders: readonly string[]): ArchiveTree {
    if (folders.length === 0) return this;
    const isHidden = (path: string) => folders.includes(this.relative(path).split("/")[0] as string);
    const files = this.#files.filter((path) => !isHidden(path));
    return new ArchiveTree(this.root, this.#members, files, this.#prefix);
  }

  files(): readonly string[] {
    return this.#files;
  }

  filesIn(): readonly string[] {
    return this.#files.filter((path) => !this.relative(path).includes("/"));
  }

  resolve(name: string, from?: string): string {
    const inner = this.#members.byPath.get(from ?? "");
    const wanted = inner === undefined ? this.#prefix + name : posix.join(posix.dirname(inner.name), name);
    const normalized = posix.normalize(wanted.replaceAll("\\", "/"));
    const archive = this.#members.archives[inner?.archive ?? 0]?.name ?? this.root;
    const beside = `${archive}!${normalized}`;
    return this.exists(beside) ? beside : (this.#members.byName.get(normalized) ?? beside);
  }

  exists(path: string): boolean {
    return this.#members.byPath.has(path);
  }

  contains(path: string): boolean {
    return this.#members.byPath.get(path)?.name.startsWith(this.#prefix) ?? false;
  }

  absolute(path: string): string {
    return resolve(path);
  }

  identity(path: string): string {
    return path;
  }

  read(path: string): Uint8Array {
    const { archive, member } = this.#find(path);
    return readEntry(archive.file, member, path);
  }

  relative(path: string): string {
    return this.#members.byPath.get(path)?.name.slice(this.#prefix.length) ?? path;
  }

  images(paths: readonly string[], decode: DecodeOptions): SourceSpec {
    const members = paths.map((path) => this.#find(path).member);
    return {
      kind: "shards",
      shards: this.#members.archives.map(({ file }) => file),
      shard: Int32Array.from(members, ({ archive }) => archive),
      offset: Float64Array.from(members, ({ offset }) => offset),
      length: Int32Array.from(members, ({ length }) => length),
      deflated: Uint8Array.from(members, ({ deflated }) => Number(deflated)),
      names: paths,
      decode,
    };
  }

  #find(path: string): { archive: Archive; member: Member } {
    const member = this.#members.byPath.get(path) as Member;
    return { member, archive: this.#members.archives[member.archive] as Archive };
  }

  #groups(): ReadonlyMap<string, readonly string[]> {
    this.#byFolder ??= groupByFolder(this.#files, (path) => this.relative(path), "/");
    return this.#byFolder;
  }
}

/** As a walk through the same folders on disk finds them. */
function inOrder(members: readonly Member[]): Member[] {
  const keyed = members.map((member) => ({ member, parts: member.name.split("/") }));
  keyed.sort((a, b) => compareParts(a.parts, b.parts));
  return keyed.map(({ member }) => member);
}

function compareParts(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = comparePython(a[i] as string, b[i] as string);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
