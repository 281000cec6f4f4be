import {
  closeSync,
  copyFileSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isProcessAlive } from "@classifier-training/base";

const host = hostname().replace(/[^\w-]/g, "_");

/** How a finished file gets its name: "auto" renames, and copies where the file system cannot rename. */
export type WriteMode = "auto" | "rename" | "copy";

const cannotRename = new Set(["EXDEV", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EPERM", "EINVAL"]);

/**
 * Writes a file of several parts atomically: to a temporary name in the same folder, fsync, rename, fsync of the folder. In
 * copy mode (object-store mounts) it is written elsewhere and copied; a file that a crash truncates is found by its checksum.
 */
export function writeCheckpointFile(path: string, parts: readonly Uint8Array[], mode: WriteMode): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  if (mode === "copy" || (mode === "auto" && withoutRename.has(folder))) {
    writeByCopy(path, parts);
    return;
  }
  removeLeftOver(folder);
  const temporary = `${path}.${host}.${process.pid}.tmp`;
  try {
    writeWhole(temporary, parts);
    renameSync(temporary, path);
  } catch (error) {
    removeIfPossible(temporary);
    if (mode === "auto" && cannotRename.has((error as NodeJS.ErrnoException).code ?? "")) {
      withoutRename.add(folder);
      writeByCopy(path, parts);
      return;
    }
    throw error;
  }
  syncFolder(folder);
}

/** Folders in which a rename has failed: further files are copied, without a temporary one that may not be removable. */
const withoutRename = new Set<string>();

function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A file system that cannot rename may not be able to remove either.
  }
}

const lookedThrough = new Set<string>();

/** Removes, at the first use of a folder, the temporary files of killed processes of this machine. */
export function removeLeftOver(folder: string): void {
  if (lookedThrough.has(folder)) return;
  lookedThrough.add(folder);
  const ours = new RegExp(`\\.${host}\\.(\\d+)\\.tmp$`);
  for (const name of readdirSync(folder)) {
    const pid = ours.exec(name)?.[1];
    if (pid !== undefined && !isProcessAlive(Number(pid))) removeIfPossible(join(folder, name));
  }
}

function writeWhole(path: string, parts: readonly Uint8Array[]): void {
  const file = openSync(path, "w");
  try {
    for (const part of parts) {
      // One write call takes at most 2 GiB.
      for (let done = 0; done < part.length; )
        done += writeSync(file, part, done, Math.min(part.length - done, 1 << 30));
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function writeByCopy(path: string, parts: readonly Uint8Array[]): void {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-"));
  try {
    const whole = join(folder, "file");
    writeWhole(whole, parts);
    // A copy onto a link would overwrite its target.
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) rmSync(path);
    copyFileSync(whole, path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A rename is durable once its folder is synced. Not every file system can open a folder. */
function syncFolder(path: string): void {
  try {
    const folder = openSync(path, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {
    // That file system has no better guarantee.
  }
}

/** Removes a checkpoint, and the folders that its name made, when they are empty now. */
export function removeCheckpointFile(path: string, root: string): void {
  rmSync(path, { force: true });
  for (let folder = dirname(path); folder.startsWith(`${root}/`); folder = dirname(folder)) {
    try {
      rmdirSync(folder);
    } catch {
      return;
    }
  }
}
