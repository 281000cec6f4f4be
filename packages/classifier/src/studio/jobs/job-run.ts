import { join, relative, sep } from "node:path";
import { isProcessAlive } from "@classifier-training/base";
import { listRuns, type Run } from "@classifier-training/runs";
import type { JobRecord } from "./job-store.ts";

/** The run that a training writes: its process is the job's. @param runs the folder of all runs */
export function runOfJob(runs: string, job: JobRecord, isEnded: boolean): Run | undefined {
  if (job.kind !== "train") return undefined;
  const isIts = ({ record, modifiedAt }: Run) => record.pid === job.pid && modifiedAt >= startOf(job);
  const near = [...new Set([job.startedAt ?? job.createdAt, new Date().toISOString()].map(localDay))];
  for (const day of near) {
    const run = listRuns(join(runs, day), { maxDepth: 2 }).find(isIts);
    if (run !== undefined) return run;
  }
  // Its overrides may have put it elsewhere.
  return isEnded ? listRuns(runs).find(isIts) : undefined;
}

/** A run by its path below the folder of all runs. */
export function keyOfRun(runs: string, run: Run): string {
  return relative(runs, run.dir).split(sep).join("/") || ".";
}

/** Whether the process of a job is there; a number that another process has by now does not count. */
export function isJobAlive(runs: string, job: JobRecord): boolean {
  if (job.pid === undefined || !isProcessAlive(job.pid)) return false;
  const run = runOfJob(runs, job, false);
  return run === undefined || run.status === "running";
}

/** Milliseconds; clocks of file systems and processes differ by a little. */
function startOf({ startedAt, createdAt }: JobRecord): number {
  return Date.parse(startedAt ?? createdAt) - 2000;
}

/** Hydra's name for the day's folder. */
function localDay(time: string): string {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
