import { createHash } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { cacheFolder, getLogger, temporaryPath } from "@classifier-training/base";
import { VisionError } from "../../errors.ts";
import { readTarEntries } from "../tar.ts";
import { readZipEntries } from "../zip.ts";
import { type Archive, ArchiveTree } from "./archive-tree.ts";

const log = getLogger("classifier.data");

const archiveName = /\.(zip|tar|tar\.gz|tgz)$/i;
const otherArchiveName = /\.(tar\.(bz2|xz|zst)|tbz2?|txz|bz2|xz|zst|rar|7z)$/i;

/** Whether a file is an archive that can be read, as far as its name says. */
export function isArchiveName(name: string): boolean {
  return archiveName.test(name);
}

/** Whether a file is an archive of a kind that cannot be read. */
export function isOtherArchiveName(name: string): boolean {
  return otherArchiveName.test(name);
}

/** The files in archives, as one tree. @throws VisionError naming an archive that is broken */
export async function openArchives(root: string, paths: readonly string[]): Promise<ArchiveTree> {
  const archives: Archive[] = [];
  for (const path of paths) archives.push(await openArchive(path));
  return ArchiveTree.of(root, archives);
}

async function openArchive(path: string): Promise<Archive> {
  if (extname(path).toLowerCase() === ".zip") return { name: path, file: path, entries: readZipEntries(path) };
  const file = /\.tar$/i.test(path) ? path : await unpacked(path);
  return { name: path, file, entries: readTarEntries(file) };
}

/** The tar file in a compressed one, unpacked into the user's cache once: its members cannot be read one by one. */
async function unpacked(path: string): Promise<string> {
  return cachedFile("archives", path, ".tar", async (file) => {
    log.info(`unpacking ${path} into ${dirname(file)} (once)`);
    try {
      await pipeline(createReadStream(path), createGunzip(), createWriteStream(file));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new VisionError({
        code: "vision/shard",
        what: `the archive ${path} cannot be unpacked into ${dirname(file)}: ${why}`,
        fix: "see that it is whole, and that its disk has room",
        cause: error,
      });
    }
  });
}

/** What `make` makes of a file, in the user's cache; it is made again when the file changes. @returns its path */
export async function cachedFile(
  kind: string,
  source: string,
  extension: string,
  make: (file: string) => Promise<void>,
): Promise<string> {
  const { size, mtimeMs } = statSync(source);
  const hash = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 16);
  const stem = `${basename(source)}-${hash(resolve(source))}`;
  const folder = join(cacheFolder(kind), stem);
  const file = join(folder, `${hash(`${size} ${mtimeMs}`)}${extension}`);
  mkdirSync(folder, { recursive: true });
  const now = new Date();
  utimesSync(folder, now, now);
  if (existsSync(file)) return file;
  // That of the file as it was before. Another process may be making the same one.
  for (const name of readdirSync(folder)) if (!name.endsWith(".tmp")) rmSync(join(folder, name), { force: true });
  removeUnused(cacheFolder(kind), now.getTime());
  const unfinished = temporaryPath(file);
  try {
    await make(unfinished);
    renameSync(unfinished, file);
  } finally {
    rmSync(unfinished, { force: true });
  }
  return file;
}

const unusedMs = 30 * 24 * 3600 * 1000;

/** Removes what was not used for a month. */
function removeUnused(folder: string, now: number): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (now - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now) > unusedMs)
      rmSync(path, { recursive: true, force: true });
  }
}
