import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { runPaths } from "./names.ts";
import { readRun } from "./run-reader.ts";
import { newRecord } from "./run-writer.ts";

/**
 * Takes a directory for a run: the one that is planned, or one with a number behind it (`12-00-00_1`) where another run
 * is. Of two processes that plan the same directory at the same moment, one gets it.
 * @param mayTakeUp whether a run that has ended may be taken up in its directory, because it is the same experiment
 */
export function claimRunDirectory(planned: string, mayTakeUp: (dir: string) => boolean): string {
  const others = resolve(planned) === process.cwd() ? join(planned, "run") : planned;
  for (let n = 0; ; n++) {
    const dir = n === 0 ? planned : `${others}_${n}`;
    if (claim(dir) || (hasEnded(dir) && mayTakeUp(dir))) return dir;
  }
}

/** Writes the first record of a run, unless there is one: the file that exists is the claim. */
function claim(dir: string): boolean {
  mkdirSync(dir, { recursive: true });
  // A run without a record, of another tool.
  if (existsSync(join(dir, runPaths.config))) return false;
  try {
    writeFileSync(join(dir, runPaths.record), `${JSON.stringify(newRecord(dir), null, 2)}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function hasEnded(dir: string): boolean {
  const run = readRun(dir);
  return run !== undefined && run.status !== "running";
}
