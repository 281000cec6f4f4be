import { copyFileSync, existsSync, rmSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { getLogger } from "@classifier-training/base";
import { type DictConfig, get, type JobContext } from "@classifier-training/hydra";
import type { ModelCheckpoint, RunIdentity, RunSignature } from "@classifier-training/lightning";
import { folderUses, type RunWriter, readRun, runDirOf, runPaths } from "@classifier-training/runs";
import type { ClassificationDataModule } from "../data/classification-datamodule.ts";
import type { ClassificationModel } from "../model/classification-model.ts";
import type { StoredCheckpoint } from "./checkpoints.ts";
import { claimCheckpoints, isInside, isSweepJob, moveCheckpoints, resumeMode } from "./resume.ts";
import { configSignature } from "./signature.ts";

const log = getLogger("classifier.resume");

/** Of the ranks after the first: they follow it, whatever their own folders hold. */
export const followed: Lineage = {
  ckptPath: "last",
  run: { id: "rank", signature: {}, resumes: () => true },
  resumed: undefined,
};

/** What a fit needs to know of its run. */
export interface Lineage {
  readonly ckptPath: "last" | null;
  readonly run: RunIdentity | undefined;
  /** The run that it resumes, as that stood. */
  readonly resumed: ResumedRun | undefined;
}

export interface ResumedRun {
  /** The directory of the run that has ended well there. */
  readonly completeIn: string | undefined;
  /** Whether it was stopped before its end: if it took all its steps, what comes after them (an export, say) is left. */
  readonly hasEndLeft: boolean;
}

interface LineageOptions {
  readonly config: DictConfig;
  readonly job: JobContext;
  readonly record: RunWriter;
  readonly model: ClassificationModel;
  readonly datamodule: ClassificationDataModule;
  readonly checkpointCallbacks: readonly ModelCheckpoint[];
}

/**
 * Decides which run a training resumes and where its checkpoints go, says so, and writes it down: in the run's record, in
 * the log of the shared checkpoint folder, and, for a resumed run, the curves so far.
 * @throws CtError when it is to resume and cannot
 */
export function planLineage({ config, job, record, model, datamodule, checkpointCallbacks }: LineageOptions): Lineage {
  const { outputDir, originalCwd: workingDir } = job;
  const data = datamodule.runSignature?.();
  const hasDataSignature = data?.["trainingContent"] !== undefined;
  const signature = { config: configSignature(config, { outputDir, workingDir, hasDataSignature }) };
  const runSignature: RunSignature = { ...model.runSignature(), ...data, ...signature };
  const [checkpointCallback] = checkpointCallbacks;
  const wanted = checkpointCallback?.dirpath ?? join(outputDir, runPaths.checkpoints);
  const question = {
    mode: resumeMode(get(config, "resume", "auto")),
    runSignature,
    wanted,
    outputDir,
    isSweep: isSweepJob(job),
  };
  const { id } = record.record;
  const { folder, resumed, accepts, note } = claimCheckpoints(question, id);
  if (note !== undefined) log.info(note);
  moveCheckpoints(checkpointCallbacks, folder);
  const from = resumed === undefined ? undefined : runDirectory(resumed, [wanted, folder], record);
  record.update({
    checkpointsPath: relative(outputDir, folder),
    ...(checkpointCallback?.monitor && {
      monitor: { name: checkpointCallback.monitor, mode: checkpointCallback.options.mode },
    }),
    continues: resumed && {
      id: resumed.summary.runId,
      ...(from !== undefined && { dir: relative(outputDir, from) || "." }),
      checkpoint: relative(outputDir, resumed.path),
      epoch: resumed.summary.epoch,
      step: resumed.summary.globalStep,
    },
  });
  if (resumed !== undefined) takeCurves(from, outputDir);
  // In a fixed run directory an earlier start may have left some.
  else for (const file of curves) rmSync(join(outputDir, file), { force: true });
  return {
    ckptPath: resumed === undefined ? null : "last",
    run: { id, signature, resumes: accepts },
    resumed: resumed && stateOf(resumed, from, [wanted, folder], record),
  };
}

/** Whether the run of a checkpoint has ended well, by itself or in a run that resumed it there. */
function stateOf(
  { summary: { runId, globalStep } }: StoredCheckpoint,
  from: string | undefined,
  folders: readonly string[],
  record: RunWriter,
): ResumedRun {
  const status = from === record.dir ? record.statusBefore : from && readRun(from)?.status;
  if (status === "success") return { completeIn: from, hasEndLeft: false };
  const completeIn = folders
    .flatMap((folder) => folderUses(folder).map(({ dir }) => dir))
    .find((dir) => {
      const { status, record } = readRun(dir) ?? {};
      const { id, step } = record?.continues ?? {};
      return status === "success" && id === runId && step === globalStep;
    });
  return { completeIn, hasEndLeft: completeIn === undefined && status !== undefined };
}

/** The directory of the run that wrote a checkpoint, if it is still there. */
function runDirectory({ summary: { runId } }: StoredCheckpoint, folders: readonly string[], record: RunWriter) {
  if (runId === record.record.id) return record.dir;
  const noted = folders.map((folder) => runDirOf(folder, runId)).find((dir) => dir !== undefined);
  // Checkpoints of its own lie in its directory.
  const around = folders.map((folder) => resolve(folder, "..")).find((dir) => isRun(dir, runId));
  return [noted, around].find((dir) => dir !== undefined && isRun(dir, runId));
}

function isRun(dir: string, id: string): boolean {
  return readRun(dir)?.record.id === id;
}

const curves = [runPaths.metrics, runPaths.timeline, runPaths.system, runPaths.determinismLog];

/** The rows that the resumed run has written so far; those after its checkpoint are dropped when it is restored. */
function takeCurves(from: string | undefined, outputDir: string): void {
  if (from === undefined) {
    log.warning(`the directory of the resumed run is gone: ${runPaths.metrics} begins where this run does`);
    return;
  }
  if (from === outputDir || isInside(outputDir, from)) return;
  for (const file of curves) {
    const source = join(from, file);
    if (existsSync(source)) copyFileSync(source, join(outputDir, file));
  }
}
