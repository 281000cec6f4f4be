import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, relative, resolve } from "node:path";
import { isProcessAlive } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";
import { checkpointPaths } from "./names.ts";
import { readRun } from "./run-reader.ts";

const lineSchema = z.object({
  id: z.string(),
  signature: z.string(),
  dir: z.string(),
  checkpoints: z.string(),
  host: z.string(),
  pid: z.number(),
  startedAt: z.string(),
});

/** A run that wanted to keep its checkpoints in a shared folder. */
export interface FolderUse {
  readonly id: string;
  /** A hash of the run's signature: runs of the same one are the same experiment. */
  readonly signature: string;
  /** Its run directory. */
  readonly dir: string;
  /** Where its checkpoints are: the folder itself, or one of its own when another experiment's were there. */
  readonly checkpoints: string;
  readonly host: string;
  readonly pid: number;
  readonly startedAt: string;
}

/**
 * Notes a run in `runs.jsonl` of a shared checkpoint folder, by which later runs find the checkpoints of their experiment
 * and tell whose files they see. Paths are kept relative to the folder: a project may be moved.
 */
export function noteFolderUse(
  folder: string,
  { id, signature, dir, checkpoints }: Omit<FolderUse, "host" | "pid" | "startedAt">,
): void {
  const line = {
    id,
    signature,
    dir: relative(folder, dir),
    checkpoints: relative(folder, checkpoints),
    host: hostname(),
    pid: process.pid,
    startedAt: new Date().toISOString(),
  };
  mkdirSync(folder, { recursive: true });
  // One write: lines of two processes do not mix.
  appendFileSync(join(folder, checkpointPaths.runs), `${JSON.stringify(line)}\n`);
}

/** The runs noted in a folder, the latest first. Lines that cannot be read are left out. */
export function folderUses(folder: string): FolderUse[] {
  const path = join(folder, checkpointPaths.runs);
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((text) => {
      const line = lineSchema.safeParse(parsed(text)).data;
      if (line === undefined) return [];
      return [{ ...line, dir: resolve(folder, line.dir), checkpoints: resolve(folder, line.checkpoints) }];
    })
    .reverse();
}

/** The run directory of an id, as the log of a shared folder knows it. */
export function runDirOf(folder: string, id: string): string | undefined {
  return folderUses(folder).find((use) => use.id === id)?.dir;
}

/** Whether the run is still running, as far as this machine can tell. */
export function isInUse({ dir, host, pid }: FolderUse): boolean {
  if (pid === process.pid || host !== hostname() || !isProcessAlive(pid)) return false;
  return readRun(dir)?.status === "running";
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
