import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, sep } from "node:path";
import { CtError } from "./errors.ts";

/**
 * Writes a whole file or nothing: to a temporary name in the same folder, flushed to disk (fsync), then renamed over the
 * target. A crash at any moment leaves the old file or the new one.
 * @throws CtError `base/write` naming the file, when it cannot be written
 */
export function writeFileAtomic(path: string, data: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = cleaned.has(path) ? temporaryName(path) : temporaryPath(path);
  cleaned.add(path);
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  try {
    const file = openSync(temporary, "w");
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    const { message, code } = cause as NodeJS.ErrnoException;
    throw new CtError({
      code: "base/write",
      what: `${displayPath(path)} cannot be written: ${message}`,
      ...(code === "ENOSPC" && { fix: "free space on its disk, then run the same command again" }),
      cause,
    });
  }
}

/** Files beside which leftovers were looked for: once is enough for one that is written again and again. */
const cleaned = new Set<string>();

/**
 * The name beside `path` under which a file or folder is written before it is renamed: `path.PID.tmp`. What killed
 * processes left under such a name is removed.
 */
export function temporaryPath(path: string): string {
  const plain = path.replace(/\/+$/, "");
  removeLeftovers(dirname(plain), `${basename(plain)}.`, ".tmp");
  return temporaryName(plain);
}

function temporaryName(path: string): string {
  return `${path}.${process.pid}.tmp`;
}

/** A path as messages show it: relative to the working directory where it lies in it. */
export function displayPath(path: string): string {
  const inner = relative(process.cwd(), path);
  return inner === ".." || inner.startsWith(`..${sep}`) ? path : inner || ".";
}

/** A new folder for files that only this process needs; those of killed processes are removed. @param name its kind */
export function scratchFolder(name: string): string {
  const prefix = `classifier-${name}.`;
  removeLeftovers(tmpdir(), prefix, "");
  return mkdtempSync(join(tmpdir(), `${prefix}${process.pid}.`));
}

/** Removes what lies in a folder under PREFIX PID ... SUFFIX when there is no such process any more. */
function removeLeftovers(folder: string, prefix: string, suffix: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(prefix) || !name.endsWith(suffix)) continue;
    const pid = /^(\d+)(?:\.|$)/.exec(name.slice(prefix.length))?.[1];
    if (pid !== undefined && !isProcessAlive(Number(pid)))
      rmSync(join(folder, name), { recursive: true, force: true, maxRetries: 2 });
  }
}

/** Whether a process of this machine is there, whoever owns it. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
