import { type Dirent, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { getLogger } from "@classifier-training/base";
import { LightningError } from "../utilities/errors.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { CheckpointSummary } from "./format.ts";
import { loadCheckpoint, summaryOf } from "./load.ts";

const log = getLogger("lightning.checkpoint");

/** Files of a folder whose names start as the last checkpoint's do, the newest first. */
export function findLast(folder: string, lastName: string, extension: string): readonly string[] {
  const pattern = lastPattern(lastName);
  return newestFirst(entriesOf(folder), extension, (stem) => pattern.test(stem));
}

/**
 * All checkpoints of a folder, the newest first. A `/` in a metric's name makes a subfolder of a checkpoint's name, so
 * these are searched as well; one that has a last checkpoint is another run's.
 */
export function findAll(folder: string, extension: string): readonly string[] {
  const pattern = lastPattern("last");
  const isOther = (entries: readonly Entry[]) =>
    newestFirst(entries, extension, (stem) => pattern.test(stem)).length > 0;
  return newestFirst([...entriesOf(folder), ...below(folder, isOther)], extension);
}

/** Depth of the search, enough for names of metrics: a folder of checkpoints may hold other things, too. */
const maxDepth = 3;

interface Entry {
  readonly folder: string;
  readonly entry: Dirent;
}

function entriesOf(folder: string): Entry[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).map((entry) => ({ folder, entry }));
  } catch {
    // Missing, not a folder, or not readable: nothing can be found in it.
    return [];
  }
}

/** Entries of the folders below, except those that `leavesOut` excludes. */
function below(folder: string, leavesOut: (entries: readonly Entry[]) => boolean, depth = 1): Entry[] {
  if (depth > maxDepth) return [];
  return subfolders(folder).flatMap((path) => {
    const entries = entriesOf(path);
    return leavesOut(entries) ? [] : [...entries, ...below(path, leavesOut, depth + 1)];
  });
}

function subfolders(folder: string): string[] {
  return entriesOf(folder)
    .filter(({ entry }) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules")
    .map(({ entry }) => join(folder, entry.name));
}

/** A folder and the subfolders that names of checkpoints may have made. */
export function checkpointFolders(folder: string, depth = 0): string[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  const deeper = depth < maxDepth ? subfolders(folder) : [];
  return [folder, ...deeper.flatMap((path) => checkpointFolders(path, depth + 1))];
}

function newestFirst(
  entries: readonly Entry[],
  extension: string,
  accepts: (stem: string) => boolean = () => true,
): readonly string[] {
  return entries
    .filter(({ entry: { name } }) => name.endsWith(extension) && accepts(name.slice(0, -extension.length)))
    .map(({ folder, entry }) => join(folder, entry.name))
    .map((path) => ({ path, stat: statSync(path, { throwIfNoEntry: false }) }))
    .filter(({ stat }) => stat?.isFile() === true)
    .sort((a, b) => (b.stat?.mtimeMs ?? 0) - (a.stat?.mtimeMs ?? 0))
    .map(({ path }) => path);
}

function lastPattern(lastName: string): RegExp {
  return new RegExp(`^${lastName.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(-(\\d+))?`);
}

interface Found {
  readonly path: string;
  readonly checkpoint: Checkpoint;
}

/**
 * Loads the newest checkpoint of a run: a last one, or, where none is intact, the newest of the others of the same run,
 * which a warning then names.
 * @param last candidates for the last one, the newest first
 * @param others all further files of the run's folders; read only where they are needed
 * @param usable whether a checkpoint can be resumed: in training, one with more than weights
 * @throws LightningError when there are candidates and all of them are damaged
 */
export function loadNewest(
  last: readonly string[],
  others: () => readonly string[],
  usable: (summary: CheckpointSummary) => boolean,
): Found | undefined {
  const damaged: string[] = [];
  for (const path of last) {
    const checkpoint = loadIntact(path, damaged);
    if (checkpoint !== undefined) return { path, checkpoint };
  }
  // The header of a truncated file may still name its run.
  const said = damaged.map((path) => summaryOf(path)).find((summary) => summary !== undefined);
  const candidates = others()
    .filter((path) => !last.includes(path))
    .map((path) => ({ path, summary: summaryOf(path) }))
    .filter((one): one is { path: string; summary: CheckpointSummary } => one.summary !== undefined)
    .filter(({ summary }) => usable(summary))
    .sort((a, b) => b.summary.created.localeCompare(a.summary.created));
  const newest = said ?? candidates[0]?.summary;
  // A run that resumed another one can fall back on that one's files.
  const lineage = newest === undefined ? [] : [newest.runId, ...(newest.continuedRuns ?? [])];
  for (const { path, summary } of candidates.filter((one) => lineage.includes(one.summary.runId))) {
    const checkpoint = loadIntact(path, damaged);
    if (checkpoint === undefined) continue;
    const start = last.length === 0 ? "there is no last checkpoint: " : "";
    const where = `${path} (epoch ${summary.epoch + 1}, step ${summary.globalStep})`;
    log.warning(`${start}using the previous checkpoint instead, the newest intact one of this run: ${where}`);
    return { path, checkpoint };
  }
  const [first] = damaged;
  if (first === undefined) return undefined;
  throw new LightningError({
    code: "checkpoint/corrupt",
    what: "every checkpoint of this run is damaged",
    where: first,
    fix: "restore one from a backup, or move the folder away to start from scratch",
  });
}

function loadIntact(path: string, damaged: string[]): Checkpoint | undefined {
  try {
    return loadCheckpoint(path);
  } catch (error) {
    if (!(error instanceof LightningError) || error.code !== "checkpoint/corrupt") throw error;
    log.warning(`skipping ${basename(path)}: ${error.problem.what}`);
    damaged.push(path);
    return undefined;
  }
}
