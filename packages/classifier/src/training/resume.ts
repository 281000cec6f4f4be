import { createHash } from "node:crypto";
import { basename, join, relative } from "node:path";
import { CtError, displayPath } from "@classifier-training/base";
import { type JobContext, select } from "@classifier-training/hydra";
import {
  type CheckpointSummary,
  firstOf,
  type ModelCheckpoint,
  type RunSignature,
  signatureDifferences,
} from "@classifier-training/lightning";
import { checkpointPaths, folderUses, isInUse, noteFolderUse, runPaths, withLock } from "@classifier-training/runs";
import { checkpointsIn, type StoredCheckpoint } from "./checkpoints.ts";

/** `resume`: the same experiment only, whatever is there, or nothing. */
export type ResumeMode = "auto" | boolean;

/** @throws CtError for another value */
export function resumeMode(value: unknown): ResumeMode {
  if (value === null || value === undefined || value === "auto") return "auto";
  if (typeof value === "boolean") return value;
  throw new CtError({
    code: "classifier/resume",
    what: `resume: expected auto, true or false, received ${JSON.stringify(value)}`,
    where: "resume",
    fix: "auto resumes the same experiment, true whatever the checkpoint folder holds, false starts anew",
  });
}

export interface ResumeQuestion {
  readonly mode: ResumeMode;
  /** What identifies the experiment: the configuration's signature, the model and the data. */
  readonly runSignature: RunSignature;
  /** Where the configuration wants checkpoints. */
  readonly wanted: string;
  readonly outputDir: string;
  /** A job of a sweep shares no folder with the others. */
  readonly isSweep: boolean;
}

export interface ResumePlan {
  /** Where checkpoints go. */
  readonly folder: string;
  /** The newest checkpoint of the run that is resumed; undefined to start anew. */
  readonly resumed: StoredCheckpoint | undefined;
  /** Whether a checkpoint of the folder may be resumed. */
  readonly accepts: (summary: CheckpointSummary) => boolean;
  /** One line for people, when there is something to say. */
  readonly note: string | undefined;
}

/**
 * Decides whether a run resumes an earlier one, and where its checkpoints go: where the configuration says, unless those
 * of another experiment are there or another process is writing there; then in the run directory. Changes nothing on disk.
 * @throws CtError when `resume=true` finds nothing to resume or a run that is still running, or the run directory itself holds another experiment
 */
export function planResume(question: ResumeQuestion): ResumePlan {
  const { mode, runSignature, wanted, outputDir, isSweep } = question;
  const isOwn = isInside(outputDir, wanted);
  const home = isOwn || !isSweep ? wanted : ownFolder(outputDir);
  const same = (summary: CheckpointSummary) => differencesFrom(summary, runSignature).length === 0;
  const busy = folderUses(home).find((use) => use.checkpoints === home && isInUse(use));
  const [newest] = checkpointsIn(home);
  const anew = (folder: string, note?: string): ResumePlan => ({ folder, resumed: undefined, accepts: same, note });
  const elsewhere = (why: string, way = "") => {
    const folder = ownFolder(outputDir);
    return anew(folder, `${why}: this run starts anew and keeps its checkpoints in ${displayPath(folder)}${way}`);
  };
  const resume = (resumed: StoredCheckpoint, folder: string, accepts: ResumePlan["accepts"], note: string) => ({
    folder,
    resumed,
    accepts,
    note: `resumes run ${resumed.summary.runId} from ${displayPath(folder)} (${at(resumed.summary)})${note}`,
  });
  if (busy !== undefined) {
    const why = `${displayPath(home)} is in use by run ${busy.id} (process ${busy.pid})`;
    if (mode !== true) return elsewhere(why);
    throw new CtError({
      code: "classifier/resume",
      what: `resume=true, and ${why}`,
      where: "resume",
      fix: "wait until that run has ended, or leave resume=true out to start anew beside it",
    });
  }
  if (mode !== false) {
    if (newest !== undefined && same(newest.summary)) return resume(newest, home, same, "; resume=false starts anew");
    // The same experiment, begun when another one's checkpoints lay here.
    for (const use of folderUses(home)) {
      if (use.signature !== signatureHash(runSignature) || use.checkpoints === home || isInUse(use)) continue;
      const found = checkpointsIn(use.checkpoints).find(({ summary }) => same(summary));
      if (found !== undefined) return resume(found, use.checkpoints, same, "; resume=false starts anew");
    }
  }
  if (mode === true) {
    if (newest === undefined) throw nothingToResume(home);
    const differences = firstOf(differencesFrom(newest.summary, runSignature));
    return resume(newest, home, () => true, ` as resume=true asks, though ${differences}`);
  }
  if (newest === undefined) return anew(home);
  if (isOwn || isSweep) throw notItsDirectory(outputDir, newest.summary, runSignature);
  if (mode === false) return elsewhere(`${displayPath(home)} holds run ${newest.summary.runId}, and resume=false`);
  const why = firstOf(differencesFrom(newest.summary, runSignature));
  return elsewhere(
    `${displayPath(home)} holds another experiment, run ${newest.summary.runId} (${why})`,
    "; resume=true resumes that run all the same",
  );
}

/** Whether a job is one of a sweep. */
export function isSweepJob({ config }: JobContext): boolean {
  return select(config, "hydra.mode") === "MULTIRUN";
}

/**
 * Plans a run and notes it in the shared folder that its configuration names, for later ones to find. Of runs that start at
 * the same moment, one may resume what is there.
 * @throws CtError as {@link planResume}
 */
export function claimCheckpoints(question: ResumeQuestion, id: string): ResumePlan {
  const { wanted, outputDir, runSignature, isSweep } = question;
  if (isSweep || isInside(outputDir, wanted)) return planResume(question);
  return withLock(join(wanted, `${checkpointPaths.runs}.lock`), () => {
    const plan = planResume(question);
    const use = { id, signature: signatureHash(runSignature), dir: outputDir, checkpoints: plan.folder };
    noteFolderUse(wanted, use);
    return plan;
  });
}

/** Lets all checkpoint callbacks write into a folder in place of the one that the first of them was configured for. */
export function moveCheckpoints(callbacks: readonly ModelCheckpoint[], folder: string): void {
  const [first] = callbacks;
  const before = first?.dirpath ?? null;
  if (before === null || before === folder) return;
  for (const callback of callbacks) {
    if (callback.dirpath === null) continue;
    const below = relative(before, callback.dirpath);
    callback.dirpath = join(folder, below.startsWith("..") ? basename(callback.dirpath) : below);
  }
}

function differencesFrom({ runSignature: saved }: CheckpointSummary, current: RunSignature): string[] {
  if (saved?.["config"] === undefined) return ["it has no signature: an earlier version wrote it"];
  return signatureDifferences(saved, current).map((text) => {
    const hashed = /^(\w+) was "[0-9a-f]{16}" and is "/.exec(text)?.[1] ?? "";
    return hashes[hashed] ?? text.replace(/^config\./, "");
  });
}

/** What a hash in a signature stands for. */
const hashes: Readonly<Record<string, string>> = {
  weights: "the file of model.weights has other content",
  trainingPictures: "the training images have other names or labels",
  trainingContent: "the training images have other content",
  validationPictures: "the validation images have other names or labels",
  validationContent: "the validation images have other content",
  split: "the images are split in another way",
};

function signatureHash(runSignature: RunSignature): string {
  const sorted = (value: unknown): unknown =>
    typeof value !== "object" || value === null || Array.isArray(value)
      ? value
      : Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([k, v]) => [k, sorted(v)]),
        );
  return createHash("sha256")
    .update(JSON.stringify(sorted(runSignature)))
    .digest("hex")
    .slice(0, 16);
}

function ownFolder(outputDir: string): string {
  return join(outputDir, runPaths.checkpoints);
}

export function isInside(folder: string, path: string): boolean {
  const inner = relative(folder, path);
  return inner !== ".." && !inner.startsWith("../") && inner !== path;
}

function at({ epoch, globalStep }: CheckpointSummary): string {
  return `epoch ${epoch + 1}, step ${globalStep}`;
}

function notItsDirectory(outputDir: string, summary: CheckpointSummary, runSignature: RunSignature): CtError {
  const differences = differencesFrom(summary, runSignature);
  const what = differences.length === 0 ? "" : `, another experiment (${firstOf(differences)})`;
  return new CtError({
    code: "classifier/run-directory",
    what: `the run directory holds checkpoints of run ${summary.runId}${what}`,
    where: displayPath(outputDir),
    fix: "give another hydra.run.dir (of a sweep: hydra.sweep.dir), or resume that run all the same with resume=true",
  });
}

function nothingToResume(folder: string): CtError {
  return new CtError({
    code: "classifier/resume",
    what: "resume=true, and there is no checkpoint to resume",
    where: displayPath(folder),
    fix: "leave it out: resume=auto starts anew where there is nothing to resume",
  });
}
