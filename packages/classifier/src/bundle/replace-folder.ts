import { cpSync, existsSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { scratchFolder, temporaryPath } from "@classifier-training/base";

/** Codes of a folder that cannot be renamed: a mount point, or one whose parent is not writable. */
const staysInPlace = new Set(["EBUSY", "EXDEV", "EACCES", "EPERM", "EROFS", "EINVAL"]);

/**
 * Replaces a folder by one that `write` fills: it is written beside and renamed when it is whole, so that a kill leaves the old
 * folder or the new one.
 * @param last the file without which the folder is not valid; it is written last where the folder cannot be renamed
 */
export async function replaceFolder<T>(
  folder: string,
  last: string,
  write: (unfinished: string) => Promise<T>,
): Promise<T> {
  // A link keeps its place, and gets another target's content.
  const target = existsSync(folder) ? realpathSync(folder) : resolve(folder);
  const old = `${target}.old`;
  // Killed between the two renames below.
  if (existsSync(old) && !existsSync(target)) renameSync(old, target);
  const unfinished = beside(target);
  try {
    const result = await write(unfinished);
    if (!isWorkingDirectory(target) && rename(unfinished, target, old)) return result;
    mkdirSync(target, { recursive: true });
    rmSync(join(target, last), { force: true });
    for (const name of readdirSync(target)) rmSync(join(target, name), { recursive: true, force: true });
    for (const name of readdirSync(unfinished).sort((a, b) => Number(a === last) - Number(b === last)))
      cpSync(join(unfinished, name), join(target, name), { recursive: true });
    return result;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

function beside(target: string): string {
  const unfinished = temporaryPath(target);
  try {
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { recursive: true });
    return unfinished;
  } catch {
    return scratchFolder("bundle");
  }
}

/** A process whose working directory is replaced would continue in a deleted one. */
function isWorkingDirectory(target: string): boolean {
  return `${process.cwd()}${sep}`.startsWith(`${target}${sep}`);
}

function rename(unfinished: string, target: string, old: string): boolean {
  try {
    rmSync(old, { recursive: true, force: true });
    if (existsSync(target)) renameSync(target, old);
    renameSync(unfinished, target);
    rmSync(old, { recursive: true, force: true });
    return true;
  } catch (error) {
    if (existsSync(old) && !existsSync(target)) renameSync(old, target);
    if (staysInPlace.has((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}
