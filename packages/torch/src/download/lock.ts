import { mkdir, rm, utimes } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { getLogger, tryLockFile } from "@classifier-training/base";

const refreshMs = 4_000;
const staleMs = 20_000;
const log = getLogger("torch.download");

/**
 * Runs `work` while no other process (of any host that shares the folder) does so for the same path. The holder touches
 * its lock file every few seconds, so that one left by a killed process is taken over; at once where that was of this host.
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const lock = `${path}.lock`;
  await mkdir(dirname(path), { recursive: true });
  for (let waits = false; !tryLockFile(lock, staleMs); waits = true) {
    if (!waits) log.info(`waiting for another process that downloads ${basename(path)}`);
    await sleep(200, undefined, signal === undefined ? {} : { signal });
  }
  const refresh = setInterval(() => {
    const now = new Date();
    utimes(lock, now, now).catch(() => {});
  }, refreshMs);
  refresh.unref();
  try {
    return await work();
  } finally {
    clearInterval(refresh);
    await rm(lock, { force: true });
  }
}
