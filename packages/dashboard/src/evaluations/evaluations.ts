import { existsSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { CtError } from "@classifier-training/base";
import { type EvaluationFolder, evaluationPaths, evaluationsOf, isInside, type Run } from "@classifier-training/runs";
import type { EvaluationInfo } from "../evaluation-types.ts";

/** The evaluations of a run that have something to show, in folders of the page only. */
export function listEvaluations(run: Run, root: string): EvaluationInfo[] {
  const best = run.record.best?.epoch;
  return foldersOf(run, root).flatMap(({ name, folder, epoch }) => {
    const version = versionOf(folder);
    if (version === "") return [];
    return [
      { id: name, isBest: epoch !== undefined && epoch === best, version, ...(epoch !== undefined && { epoch }) },
    ];
  });
}

/** The folder of an evaluation. @throws CtError where the run has none of that name */
export function evaluationFolder(run: Run, root: string, id: string): string {
  const found = foldersOf(run, root).find(({ name }) => name === id);
  if (found !== undefined) return found.folder;
  throw new CtError({
    code: "dashboard/evaluation",
    what: `the run has no evaluation '${id}'`,
    where: run.dir,
    fix: "choose another one: this one may have been deleted",
  });
}

/** A run may say that it resumed another one that is not of this page, or hold a link that leads out. */
function foldersOf(run: Run, root: string): EvaluationFolder[] {
  const real = realpathSync(root);
  return evaluationsOf(run.dir).filter(({ folder }) => existsSync(folder) && isInside(real, realpathSync(folder)));
}

/** Of the files that are shown; empty where there are none. */
function versionOf(folder: string): string {
  return [evaluationPaths.predictions, evaluationPaths.confusionCounts, evaluationPaths.classReport]
    .flatMap((name) => statSync(join(folder, name), { throwIfNoEntry: false }) ?? [])
    .map(({ size, mtimeMs }) => `${size.toString(36)}-${Math.round(mtimeMs).toString(36)}`)
    .join(" ");
}
