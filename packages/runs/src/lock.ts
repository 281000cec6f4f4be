import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { isProcessAlive } from "@classifier-training/base";

/** What runs under a lock takes milliseconds: a lock that is older than this, in ms, was left by a killed process. */
const maxAge = 60_000;

/** Runs a short function while no other process runs one with the same lock file. The lock of a killed process is removed. */
export function withLock<T>(path: string, action: () => T): T {
  mkdirSync(dirname(path), { recursive: true });
  while (!create(path)) {
    if (isStale(path)) rmSync(path, { force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  }
  try {
    return action();
  } finally {
    rmSync(path, { force: true });
  }
}

function create(path: string): boolean {
  try {
    writeFileSync(path, `${process.pid} ${hostname()}`, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function isStale(path: string): boolean {
  try {
    const [pid, host] = readFileSync(path, "utf8").split(" ");
    return (host === hostname() && !isProcessAlive(Number(pid))) || Date.now() - statSync(path).mtimeMs > maxAge;
  } catch {
    // Removed meanwhile.
    return false;
  }
}
