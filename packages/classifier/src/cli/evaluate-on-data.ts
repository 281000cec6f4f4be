import { CtError, writeFileAtomic } from "@classifier-training/base";
import { type PredictionRow, readRun, writePredictions } from "@classifier-training/runs";
import { readLabeledFiles } from "../data/labeled-files.ts";
import type { ReadingOptions } from "../data/options.ts";
import { evaluateClassifier, type ModelEvaluation } from "../evaluation/evaluate.ts";
import { membersOf } from "../evaluation/groups.ts";
import type { LabeledFile } from "../evaluation/predict-split.ts";
import { compareModels, evaluationMarkdown } from "../evaluation/report.ts";
import { sliceColumns } from "../evaluation/slice-columns.ts";
import { openClassifier } from "../inference/open-classifier.ts";
import { recordedSplitsOf } from "../training/recorded-split.ts";
import { progressLine } from "./progress.ts";

/** What is measured, of which models, on which images. */
export interface EvaluationRequest {
  readonly models: readonly string[];
  /** The dataset; by default that of the first model's run. */
  readonly data: string | undefined;
  readonly split: string;
  readonly reading: ReadingOptions;
  /** A column of the metadata or a pattern of paths. */
  readonly groupBy?: string | undefined;
  /** Columns. */
  readonly slices?: readonly string[] | undefined;
}

export interface EvaluatedModels {
  readonly split: string;
  readonly images: readonly LabeledFile[];
  readonly groups: readonly (string | undefined)[] | undefined;
  readonly evaluations: readonly ModelEvaluation[];
  /** Markdown. */
  readonly report: string;
}

/** Runs models over the images of a split. @throws CtError where the data or a model cannot be read, or do not fit */
export async function evaluateOnData(request: EvaluationRequest): Promise<EvaluatedModels> {
  const { models, split, reading, groupBy, slices } = request;
  const root = request.data ?? dataOf(models);
  const evaluations: ModelEvaluation[] = [];
  let images: LabeledFile[] = [];
  let groups: (string | undefined)[] | undefined;
  let values: Record<string, string>[] | undefined;
  for (const model of models) {
    const classifier = await openClassifier(model);
    if (groupBy !== undefined) classifier.requireVotes();
    if (evaluations.length === 0) {
      images = await readLabeledFiles(root, split, { ...reading, task: classifier.task }, recordedSplitsOf(models));
      const { exif_orientation } = classifier.mapping.preprocessing ?? {};
      values = slices && (await sliceColumns(images, slices, exif_orientation, progressLine("sizes of the images")));
      groups = groupBy === undefined ? undefined : await groupsIn(root, images, groupBy);
    }
    const groupsOfImages = groups && groupBy !== undefined ? { by: groupBy, of: groups } : undefined;
    const how = { onProgress: progressLine(model), groups: groupsOfImages, slices: values };
    evaluations.push(await evaluateClassifier(model, classifier, images, how));
    await classifier.close();
  }
  return { split, images, groups, evaluations, report: evaluationMarkdown(evaluations, split) };
}

/** The dataset that the run of the first model was trained on. @throws CtError where it is not known */
function dataOf([model = ""]: readonly string[]): string {
  const root = readRun(model)?.record.dataRoot;
  if (root !== undefined) return root;
  throw new CtError({
    code: "evaluate/data",
    what: "expected a dataset, or a run directory whose dataset is known",
    where: model,
    fix: "give the dataset with --data ROOT",
  });
}

async function groupsIn(root: string, images: readonly LabeledFile[], groupBy: string) {
  const { groupsOf } = await import("@classifier-training/vision");
  const described = { paths: images.map(({ path }) => path), metadata: images.map(({ metadata }) => metadata) };
  return groupsOf(described, groupBy, { root, where: "--group-by" });
}

/** Writes all measurements, and what was predicted for each image. */
export function writeEvaluationJson(path: string, { split, images, groups, evaluations }: EvaluatedModels): void {
  const described = images.map((image, i) => (groups?.[i] === undefined ? image : { ...image, group: groups[i] }));
  const all = { split, images: described, evaluations, comparisons: compareModels(evaluations) };
  writeFileAtomic(path, `${JSON.stringify(all, null, 2)}\n`);
}

/** Writes the predictions of one model as a table, which `classifier evaluate` compares with others. */
export function writeEvaluationCsv(path: string, { images, groups, evaluations }: EvaluatedModels): void {
  const [evaluation, ...others] = evaluations;
  if (evaluation === undefined || others.length > 0) {
    throw new CtError({
      code: "evaluate/csv",
      what: `expected one model, received ${evaluations.length}`,
      where: "--csv",
      fix: "evaluate one model at a time, or write all of them with --json",
    });
  }
  const ofGroup = new Map(evaluation.grouped?.groups.map((one) => [one.group, one]));
  const members =
    groups &&
    membersOf(
      groups,
      images.map((image) => image.path),
    );
  const groupOf = new Map([...(members ?? [])].flatMap(([group, own]) => own.map((i) => [i, group] as const)));
  const rows = images.map(({ path: sample, label }, i): PredictionRow => {
    const group = groupOf.get(i);
    return {
      sample,
      true: label,
      predicted: evaluation.predicted[i] as string,
      confidence: evaluation.confidence[i] as number,
      ...(group !== undefined && { group, groupPredicted: ofGroup.get(group)?.predicted ?? "" }),
    };
  });
  writePredictions(path, rows);
}
