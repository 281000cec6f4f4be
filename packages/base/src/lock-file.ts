import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { isProcessAlive } from "./files.ts";

/**
 * Tries once to make a lock file; whoever made it removes it. One that a process of this machine left when it was killed, or
 * that nobody touched for `staleMs`, is removed for the next try.
 * @returns whether this process has the lock now
 */
export function tryLockFile(path: string, staleMs: number): boolean {
  try {
    writeFileSync(path, JSON.stringify({ pid: process.pid, host: hostname() }), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  if (isStale(path, staleMs)) rmSync(path, { force: true });
  return false;
}

function isStale(path: string, staleMs: number): boolean {
  try {
    if (Date.now() - statSync(path).mtimeMs > staleMs) return true;
    const { pid, host } = JSON.parse(readFileSync(path, "utf8")) as { pid: number; host: string };
    return host === hostname() && !isProcessAlive(pid);
  } catch {
    // Removed meanwhile, or not yet written.
    return false;
  }
}
