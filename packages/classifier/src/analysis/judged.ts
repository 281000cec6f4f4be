import { existsSync } from "node:fs";
import { listRuns, readRun } from "@classifier-training/runs";
import { EditLog } from "@classifier-training/vision";
import type { ReadingOptions } from "../data/options.ts";
import { type FoldChoices, trainFolds } from "./fold-runs.ts";
import { type JudgedData, judgeData } from "./judge.ts";
import { type LabeledData, openLabeledData } from "./labeled-data.ts";

/** Whose images are judged, and by whom. */
export interface AnalysisRequest {
  readonly root: string;
  readonly reading: ReadingOptions;
  /** Only the images of this split. */
  readonly split: string | undefined;
  /** Runs, folders with runs, checkpoints, names of published networks; none: folds are trained. */
  readonly models: readonly string[];
  readonly folds: FoldChoices;
}

/** Data with what networks say of it that have not seen it. @throws CtError as `judgeData` and `trainFolds` do */
export async function openJudged(request: AnalysisRequest): Promise<JudgedData & { readonly all: LabeledData }> {
  const { root, reading, split, folds } = request;
  const whole = await openLabeledData(root, reading);
  const models = request.models.length > 0 ? runsIn(request.models) : await trainFolds(whole, folds);
  const all = split === undefined ? whole : await openLabeledData(root, reading, split);
  return { ...(await judgeData(all, models)), all };
}

/** The complete runs below a folder that is not a run itself, such as that of a sweep over folds. */
export function runsIn(models: readonly string[]): string[] {
  return models.flatMap((model) => {
    const runs = existsSync(model) && readRun(model) === undefined ? listRuns(model) : [];
    const complete = runs.filter(({ record, status }) => record.kind === "train" && status === "success");
    return complete.length > 0 ? complete.map(({ dir }) => dir).sort() : [model];
  });
}

/** Images whose label was looked at and is right. */
export function confirmedIn(root: string): ReadonlySet<string> {
  return existsSync(root) ? EditLog.open(root).state.confirmed : new Set();
}
