import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { isProcessAlive, writeFileAtomic } from "@classifier-training/base";
import { withLock } from "./lock.ts";
import { runPaths } from "./names.ts";
import { readRun } from "./run-reader.ts";
import { newRecord } from "./run-writer.ts";

/**
 * Claims a directory for a run: the planned one, or one with a number behind it (`12-00-00_1`) where another run is. Of
 * processes that plan the same directory at the same moment, one gets it, whether it is new or a run is resumed in it.
 * @param mayResume whether a run that has ended may be resumed in its directory, because it is the same experiment
 */
export function claimRunDirectory(planned: string, mayResume: (dir: string) => boolean): string {
  return firstClaimed(planned, (dir) =>
    withLock(join(dir, `${runPaths.record}.lock`), () => claimNew(dir) || claimEnded(dir, mayResume)),
  );
}

/** Claims a directory for a sweep until this process ends: the planned one, unless another sweep is running there. */
export function claimSweepDirectory(planned: string): string {
  return firstClaimed(planned, (dir) => {
    const path = join(dir, runPaths.sweepClaim);
    return withLock(`${path}.lock`, () => {
      if (isClaimed(path)) return false;
      writeFileSync(path, JSON.stringify({ host: hostname(), pid: process.pid }));
      process.once("exit", () => rmSync(path, { force: true }));
      return true;
    });
  });
}

function firstClaimed(planned: string, claim: (dir: string) => boolean): string {
  const others = resolve(planned) === process.cwd() ? join(planned, "run") : planned;
  for (let n = 0; ; n++) {
    const dir = n === 0 ? planned : `${others}_${n}`;
    if (claim(dir)) return dir;
  }
}

/** Writes the first record of a run, unless there is a run, of this tool or another. */
function claimNew(dir: string): boolean {
  const path = join(dir, runPaths.record);
  if (existsSync(path) || existsSync(join(dir, runPaths.config))) return false;
  writeFileAtomic(path, `${JSON.stringify(newRecord(dir), null, 2)}\n`);
  return true;
}

/** The run that a living process of this machine has in a directory, or is about to resume there. */
export function runInUse(dir: string): { readonly id: string; readonly pid: number | undefined } | undefined {
  const run = readRun(dir);
  if (run === undefined) return undefined;
  const { id, pid, claim } = run.record;
  if (claim?.host === hostname() && isProcessAlive(claim.pid)) return { id, pid: claim.pid };
  return run.status === "running" ? { id, pid } : undefined;
}

/** Notes this process in the record of a run that has ended; its status stays until the run is resumed. */
function claimEnded(dir: string, mayResume: (dir: string) => boolean): boolean {
  if (runInUse(dir) !== undefined || !mayResume(dir)) return false;
  const path = join(dir, runPaths.record);
  const written = parsed(path) ?? newRecord(dir);
  writeFileAtomic(path, `${JSON.stringify({ ...written, claim: { host: hostname(), pid: process.pid } }, null, 2)}\n`);
  return true;
}

/** Whether another process of this machine holds a claim; that of one that is gone does not count. */
function isClaimed(path: string): boolean {
  const { host, pid } = parsed(path) ?? {};
  return host === hostname() && typeof pid === "number" && pid !== process.pid && isProcessAlive(pid);
}

function parsed(path: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
