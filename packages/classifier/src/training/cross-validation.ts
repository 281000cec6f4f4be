import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { CtError, csvText, displayPath, plural, writeFileAtomic } from "@classifier-training/base";
import {
  evaluationPaths,
  type Interval,
  listRuns,
  type Run,
  readSplitRecord,
  runPaths,
  type SplitRecord,
  wilsonInterval,
  writePredictions,
} from "@classifier-training/runs";
import type { StoredLabels } from "../evaluation/label-logits.ts";
import { type PooledLabels, poolLabels } from "../evaluation/pooled-labels.ts";
import {
  isWrong,
  type NamedPrediction,
  type NamedReport,
  namedReports,
  type PredictionSummary,
  summarizePredictions,
  withoutDetails,
} from "../evaluation/summary.ts";
import { storedBest } from "./best-summary.ts";
import { configDifference } from "./config-difference.ts";

/** How many of the weakest classes are named. */
const weakest = 5;

/** The predictions of all folds, each image predicted by the one model that was not trained on it. */
export interface CrossValidation {
  readonly folds: readonly (Omit<FoldRun, "labels"> & { readonly accuracy: Interval })[];
  readonly summary: PredictionSummary;
  /** Of a multilabel cross-validation. */
  readonly labels: PooledLabels | undefined;
  readonly reports: readonly NamedReport[];
  /** What was written. */
  readonly files: readonly string[];
}

/**
 * Pools the predictions of the folds of a cross-validation, and stores them where a sweep's folder, or the first run, is.
 * @throws CtError when a fold is missing, not complete, twice there, or of another split or configuration, naming it
 */
export function crossValidate(paths: readonly string[]): CrossValidation {
  const folds = readFolds(paths);
  const rows = folds.flatMap((fold) => fold.rows);
  const summary = summarizePredictions(rows, weakest);
  const reports = namedReports(rows);
  const labels = poolLabels(folds);
  const [first = "."] = paths;
  const folder = paths.length === 1 ? first : dirname(resolve(first));
  const files = [evaluationPaths.predictions, evaluationPaths.misclassified, evaluationPaths.classReport].map((name) =>
    join(folder, name),
  );
  const [all = "", errors = "", classes = ""] = files;
  writePredictions(all, rows);
  writePredictions(errors, withoutDetails(summary.errors));
  const apOf = (name: string) => labels?.averagePrecision?.get(name)?.toFixed(4) ?? "";
  const hasAp = labels?.averagePrecision !== undefined;
  writeFileAtomic(
    classes,
    csvText(
      ["class", "precision", "recall", "f1", "support", ...(hasAp ? ["ap"] : [])],
      reports.map(({ name, precision, recall, f1, support }) => [
        name,
        ...[precision, recall, f1].map((value) => value.toFixed(4)),
        support,
        ...(hasAp ? [apOf(name)] : []),
      ]),
    ),
  );
  const accuracyOf = (own: readonly NamedPrediction[]) =>
    wilsonInterval(own.filter((row) => !isWrong(row)).length, own.length);
  return {
    folds: folds.map(({ labels: _, ...fold }) => ({ ...fold, accuracy: accuracyOf(fold.rows) })),
    summary,
    labels,
    reports,
    files,
  };
}

/** A run that was validated on one fold. */
interface FoldRun {
  readonly dir: string;
  readonly fold: number;
  /** Of each image that it was validated on. */
  readonly rows: readonly NamedPrediction[];
  /** The same with logits, where the run has stored them. */
  readonly labels: StoredLabels | undefined;
  /** Images of the fold without a prediction: they could not be read. */
  readonly unread: number;
}

interface OpenedFold {
  readonly run: Run;
  readonly split: SplitRecord;
  readonly count: number;
  readonly fold: number;
}

/**
 * The runs of all folds of one cross-validation, by fold.
 * @param paths run directories, or folders with run directories (of a sweep over `data.fold`)
 * @throws CtError when one is missing, not complete, twice there, or of another split or configuration, naming it
 */
function readFolds(paths: readonly string[]): FoldRun[] {
  const runs = paths.flatMap((path) => {
    const found = listRuns(path).filter(({ record }) => record.kind === "train");
    if (found.length === 0) throw problem("there is no run directory of a training", path, exampleOf(5));
    return found;
  });
  const open = runs.filter(({ status }) => status !== "success");
  const folds = runs
    .filter((run) => !open.includes(run))
    .map(openFold)
    .sort((a, b) => a.fold - b.fold);
  const [first] = folds;
  if (first === undefined) throw incomplete("the runs are not complete", open);
  for (const fold of folds) requireSame(first, fold);
  for (const [i, { fold, run }] of folds.entries()) {
    const before = folds[i - 1];
    if (before?.fold === fold)
      throw problem(
        `two runs were validated on fold ${fold}`,
        `${show(before.run)} and ${show(run)}`,
        "give one of them",
      );
  }
  const missing = Array.from({ length: first.count }, (_, k) => k).filter((k) => !folds.some(({ fold }) => fold === k));
  const what = `${missing.length === 1 ? "fold" : "folds"} ${missing.join(", ")} of ${first.count} missing`;
  if (missing.length > 0 && open.length > 0) throw incomplete(what, open);
  if (missing.length > 0)
    throw problem(what, paths.join(", "), `train also with data.folds=${first.count} data.fold=${missing.join(",")}`);
  return folds.map(predictionsOf);
}

function incomplete(what: string, runs: readonly Run[]): CtError {
  return problem(
    what,
    runs.map((run) => `${show(run)} (${run.status})`).join(", "),
    "run the same command again (of a sweep with hydra.sweep.dir=ITS FOLDER): it resumes what is not complete",
  );
}

function openFold(run: Run): OpenedFold {
  const path = join(run.dir, runPaths.split);
  const split = existsSync(path) ? readSplitRecord(path) : undefined;
  const { folds } = split?.by ?? {};
  if (split === undefined || folds === undefined)
    throw problem("the run was not trained on folds", show(run), exampleOf(5));
  return { run, split, count: folds.count, fold: folds.fold };
}

/** @throws CtError when two runs are not of the same folds, or differ in more than the fold */
function requireSame(first: OpenedFold, other: OpenedFold): void {
  if (first === other) return;
  const both = `${show(first.run)} and ${show(other.run)}`;
  const foldsOf = ({ samples }: SplitRecord) =>
    new Map(samples.map(({ path, content, fold }) => [`${path}\n${content}`, fold]));
  const [own, others] = [foldsOf(first.split), foldsOf(other.split)];
  const differ = [...own].filter(([key, fold]) => !others.has(key) || others.get(key) !== fold).length;
  if (first.count !== other.count || differ > 0 || own.size !== others.size) {
    const what =
      first.count !== other.count
        ? `the runs are of ${first.count} and of ${other.count} folds`
        : `the runs are of other folds: ${plural(Math.max(differ, others.size - own.size), "image")} of ${own.size} not in the same ones`;
    throw problem(what, both, "evaluate folds of the same images, split by the same options");
  }
  const differences = configDifference(first.run, other.run, /^data\.fold$/);
  if (differences !== "")
    throw problem(
      `the runs differ in more than the fold: ${differences}`,
      both,
      "give the run directories of one configuration",
    );
}

/** What the best weights of a fold's run said of its images; otherwise the best checkpoint's epoch. */
function predictionsOf({ run, split, fold }: OpenedFold): FoldRun {
  const { dir } = run;
  const own = split.samples.filter((sample) => sample.split === "val");
  const paths = new Set(own.map(({ path }) => path));
  const stored = storedBest(run);
  if (stored === undefined)
    throw problem(`fold ${fold}: the run has stored no predictions`, show(run), "train with callbacks.report");
  const rows = stored.rows.map((row) => ({ ...row, path: pathOf(row.sample, paths) }));
  const foreign = rows.find(({ path }) => path === undefined);
  if (foreign !== undefined || new Set(rows.map(({ path }) => path)).size < rows.length) {
    throw problem(
      `fold ${fold}: its predictions are not those of its images${foreign === undefined ? "" : `, such as ${foreign.sample}`}`,
      show(run),
      "train this fold again",
    );
  }
  return { dir, fold, rows, labels: stored.labels, unread: own.length - rows.length };
}

/** The recorded path that a sample's path ends with. */
function pathOf(sample: string, paths: ReadonlySet<string>): string | undefined {
  if (paths.has(sample)) return sample;
  const ends = [...sample.matchAll(/[/!]/g)].map(({ index }) => sample.slice(index + 1));
  return ends.find((end) => paths.has(end));
}

function show({ dir }: Run): string {
  return displayPath(dir);
}

function exampleOf(folds: number): string {
  return `give the folder of a sweep over folds: classifier train -m PATH data.folds=${folds} data.fold=${[...Array(folds).keys()].join(",")}`;
}

function problem(what: string, where: string, fix: string): CtError {
  return new CtError({ code: "classifier/folds", what, where, fix });
}
