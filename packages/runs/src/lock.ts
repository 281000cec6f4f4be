import { mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { tryLockFile } from "@classifier-training/base";

/** What runs under a lock takes milliseconds: a lock that is older than this, in ms, was left by a killed process. */
const staleMs = 60_000;

/** Runs a short function while no other process runs one with the same lock file. The lock of a killed process is removed. */
export function withLock<T>(path: string, action: () => T): T {
  mkdirSync(dirname(path), { recursive: true });
  while (!tryLockFile(path, staleMs)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  try {
    return action();
  } finally {
    rmSync(path, { force: true });
  }
}
