import { existsSync, statSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { CtError, displayPath } from "@classifier-training/base";
import {
  type CheckpointSummary,
  fastDevRunId,
  findAll,
  inspectCheckpoint,
  loadCheckpoint,
  summaryOf,
} from "@classifier-training/lightning";
import {
  checkpointExtension,
  folderUses,
  type RunRecord,
  readRun,
  runDirOf,
  runPaths,
  trialKind,
} from "@classifier-training/runs";
import type { ModelRecipe } from "../model/recipe.ts";

/** A checkpoint file whose header can be read. */
export interface StoredCheckpoint {
  readonly path: string;
  readonly summary: CheckpointSummary;
}

/** The checkpoints of a folder, the newest first. Those that a `fast_dev_run` of an earlier version has left do not count. */
export function checkpointsIn(folder: string): StoredCheckpoint[] {
  return findAll(folder, checkpointExtension)
    .map((path) => ({ path, summary: summaryOf(path) }))
    .filter((one): one is StoredCheckpoint => one.summary !== undefined && one.summary.runId !== fastDevRunId)
    .sort((a, b) => b.summary.created.localeCompare(a.summary.created));
}

/**
 * The best checkpoint of the run that wrote to a folder last, as its checkpoint callback remembers it; the newest when it
 * remembers none. @throws CtError when the folder has no checkpoint
 */
export function bestCheckpointIn(folder: string): string {
  const [newest] = checkpointsIn(folder);
  if (newest === undefined) {
    throw new CtError({
      code: "classifier/no-checkpoint",
      what: "there is no checkpoint to evaluate",
      where: folder,
      fix: "train first, or give one with --ckpt PATH",
    });
  }
  const { runId, continuedRuns = [] } = newest.summary;
  for (const state of Object.values(loadCheckpoint(newest.path).callbacks ?? {})) {
    const { bestModelPath: best, dirpath } = state;
    if (typeof best !== "string" || best === "") continue;
    // The folder may have been moved or copied since.
    const here = typeof dirpath === "string" ? join(folder, relative(dirpath, best)) : best;
    const path = [here, best].find((candidate) => existsSync(candidate));
    const owner = path === undefined ? undefined : summaryOf(path)?.runId;
    if (path !== undefined && owner !== undefined && [runId, ...continuedRuns].includes(owner)) return path;
  }
  return newest.path;
}

/**
 * The best checkpoint of a run, and no other run's: by the hash of its weights where the run has ended, else among those
 * that carry the run's id.
 * @throws CtError saying what became of it, when it is not there any more
 */
export function checkpointOfRun(dir: string): string {
  const { record } = readRun(dir) ?? {};
  refuseWithoutModel(dir, record);
  // Weights that no other checkpoint has, or for another input size.
  const better = join(dir, runPaths.bestWeightsTensors);
  if (record !== undefined && summaryOf(better)?.runId === record.id) return better;
  const path = record?.checkpointPath === undefined ? undefined : resolve(dir, record.checkpointPath);
  if (record === undefined || path === undefined) return unfinishedRunsBest(dir, record);
  if (!existsSync(path)) throw gone(dir, record, "has been deleted", path);
  if (isStill(path, record)) return path;
  const writer = summaryOf(path)?.runId;
  throw gone(dir, record, `was overwritten${writer === undefined ? "" : ` by run ${describeRun(path, writer)}`}`, path);
}

/** The size of images that a run's best weights were found best at, where it isn't that of the training. */
export function evaluationSizeOf(checkpoint: string): number | undefined {
  if (basename(checkpoint) !== runPaths.bestWeightsTensors) return undefined;
  const { classifier } = loadCheckpoint(checkpoint) as { classifier?: Partial<ModelRecipe> };
  return classifier?.labels?.preprocessing?.input_height;
}

/** @throws CtError for the directory of a command that trains no model */
function refuseWithoutModel(dir: string, record: RunRecord | undefined): void {
  const kind = record?.kind ?? "train";
  if (kind === "train") return;
  const isTrial = kind === trialKind;
  throw new CtError({
    code: "classifier/no-model",
    what: isTrial
      ? "this was a fast_dev_run: a trial of a few batches, which leaves no model"
      : `this is the directory of a \`${kind}\` command, which trains no model`,
    where: displayPath(dir),
    fix: isTrial ? "train without trainer.fast_dev_run, and name that run" : "name the run that it measured",
  });
}

function isStill(path: string, { checkpointHash, finishedAt }: RunRecord): boolean {
  if (checkpointHash !== undefined) return inspectCheckpoint(path).weightsSha256 === checkpointHash;
  // A record of an earlier version: whoever wrote the file after the run's end was another one.
  return finishedAt === undefined || statSync(path).mtimeMs <= Date.parse(finishedAt);
}

function unfinishedRunsBest(dir: string, record: RunRecord | undefined): string {
  const own = ownCheckpoints(dir, record);
  const { mode } = record?.monitor ?? {};
  const measured = own.filter(({ summary: { monitor } }) => typeof monitor?.value === "number");
  const value = ({ summary }: StoredCheckpoint) => Number(summary.monitor?.value);
  if (mode !== undefined) measured.sort((a, b) => (mode === "max" ? value(b) - value(a) : value(a) - value(b)));
  const [best] = [...measured, ...own];
  if (best !== undefined) return best.path;
  throw new CtError({
    code: "classifier/no-checkpoint",
    what: "this run has left no checkpoint",
    where: dir,
    fix:
      record?.continues?.dir === undefined
        ? "name another run, or give a checkpoint with --ckpt PATH"
        : `it resumed a run that may have some: ${displayPath(resolve(dir, record.continues.dir))}`,
  });
}

/** The checkpoints that a run has written and that are still there, the newest first. */
export function ownCheckpoints(dir: string, record: RunRecord | undefined): StoredCheckpoint[] {
  if (record?.checkpointsPath === undefined) return [];
  return checkpointsIn(resolve(dir, record.checkpointsPath)).filter(({ summary }) => summary.runId === record.id);
}

function gone(dir: string, record: RunRecord, what: string, path: string): CtError {
  const [other] = ownCheckpoints(dir, record);
  const folder = record.checkpointsPath === undefined ? undefined : resolve(dir, record.checkpointsPath);
  const heir =
    folder === undefined ? undefined : checkpointsIn(folder).find(({ summary }) => continues(summary, record));
  return new CtError({
    code: "classifier/checkpoint-gone",
    what: `the best checkpoint of run ${record.id} ${what}`,
    where: displayPath(path),
    fix: way(),
  });

  function way(): string {
    if (other !== undefined) return `another one of this run is left: --ckpt ${displayPath(other.path)}`;
    if (heir !== undefined) return `run ${describeRun(heir.path, heir.summary.runId)} has resumed it: name that one`;
    if (existsSync(join(dir, runPaths.model)))
      return `its exported model is there: classifier evaluate ${displayPath(dir)} --data DATA`;
    return "give a checkpoint with --ckpt PATH, or train it again";
  }
}

function continues({ continuedRuns = [] }: CheckpointSummary, { id }: RunRecord): boolean {
  return continuedRuns.includes(id);
}

/** The directory of the run that wrote a checkpoint, where the folder's log knows it or it lies in it. */
export function runOfCheckpoint(checkpoint: string): string | undefined {
  const id = summaryOf(checkpoint)?.runId;
  if (id === undefined) return undefined;
  const folder = folderOfLog(checkpoint);
  const noted = folder === undefined ? undefined : runDirOf(folder, id);
  const around = [1, 2, 3].map((levels) => resolve(checkpoint, ...Array<string>(levels).fill("..")));
  return noted ?? around.find((dir) => readRun(dir)?.record.id === id);
}

/** A run's id, with its directory where the folder's log knows it. */
function describeRun(checkpoint: string, id: string): string {
  const folder = folderOfLog(checkpoint);
  const dir = folder === undefined ? undefined : runDirOf(folder, id);
  return dir === undefined ? id : `${id} (${displayPath(dir)})`;
}

function folderOfLog(checkpoint: string): string | undefined {
  for (let folder = resolve(checkpoint, ".."), depth = 0; depth < 3; depth++, folder = resolve(folder, ".."))
    if (folderUses(folder).length > 0) return folder;
  return undefined;
}
