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
 * Writes a file of several parts so that its name never stands for half of it: to a temporary name in the same folder,
 * synchronized to disk, renamed, the folder synchronized. In copy mode (object-store mounts) it is made elsewhere and
 * copied in one sweep; what a crash then leaves is found by its checksum.
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

/** Where a rename has failed: the next file is copied at once, and leaves no temporary one that may not be removable. */
const withoutRename = new Set<string>();

function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // What cannot rename may not be able to remove either.
  }
}

const lookedThrough = new Set<string>();

/** Removes, the first time that a folder is used, what killed processes of this machine left half written. */
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
    // A link would have its target overwritten.
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) rmSync(path);
    copyFileSync(whole, path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A rename is durable once its folder is. Not every file system lets a folder be opened. */
function syncFolder(path: string): void {
  try {
    const folder = openSync(path, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {
    // Nothing better can be done there.
  }
}

/** Removes a checkpoint, and the folder that its name made, when that is empty now. */
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
