import { CtError, displayPath } from "@classifier-training/base";
import { listRuns, type Run, type Spread, spreadOf, wilsonInterval } from "@classifier-training/runs";
import { isWrong } from "../evaluation/summary.ts";
import { storedBest } from "./best-summary.ts";
import { configDifference } from "./config-difference.ts";

/** Keys in which the runs may differ. */
const seeds = /(^|\.)seed$/;

/** What trainings that differ only in their seeds reached. */
export interface SeedSpread {
  readonly name: "accuracy" | "mAP";
  /** Images that each was measured on. */
  readonly images: number;
  readonly runs: readonly { readonly dir: string; readonly value: number }[];
  readonly spread: Spread;
}

/**
 * The complete runs of one configuration with different seeds.
 * @param paths run directories, or folders with run directories (of a sweep over `seed`)
 * @throws CtError for fewer than two, one that is not complete, or of another configuration, naming it
 */
export function seedRuns(paths: readonly string[]): Run[] {
  const runs = paths.flatMap((path) => listRuns(path).filter(({ record }) => record.kind === "train"));
  const open = runs.find(({ status }) => status !== "success");
  if (open !== undefined)
    throw problem("a run is not complete", `${displayPath(open.dir)} (${open.status})`, "run the same command again");
  const [first, ...others] = runs;
  if (first === undefined || others.length === 0) {
    throw problem(
      `expected two or more runs, received ${runs.length}`,
      paths.join(", "),
      "give the folder of a sweep over seeds: classifier train -m PATH seed=1,2,3,4,5",
    );
  }
  for (const other of others) {
    const difference = configDifference(first, other, seeds);
    if (difference === "") continue;
    throw problem(
      `the runs differ in more than the seed: ${difference}`,
      `${displayPath(first.dir)} and ${displayPath(other.dir)}`,
      "give the run directories of one configuration",
    );
  }
  return runs;
}

/** What they said of validation when training ended. @throws CtError where one has stored nothing, or of other images */
export function storedSeeds(paths: readonly string[]): SeedSpread {
  const stored = seedRuns(paths).map((run) => {
    const best = storedBest(run);
    if (best === undefined)
      throw problem("the run has stored no predictions", displayPath(run.dir), "train with callbacks.report");
    return { dir: run.dir, ...best };
  });
  const samplesOf = ({ rows }: (typeof stored)[number]) =>
    rows
      .map(({ sample }) => sample)
      .sort()
      .join("\n");
  const [first = { dir: "", rows: [], labels: undefined }] = stored;
  const other = stored.find((one) => samplesOf(one) !== samplesOf(first));
  if (other !== undefined) {
    throw problem(
      "the runs were validated on different images",
      `${displayPath(first.dir)} and ${displayPath(other.dir)}`,
      "evaluate them on the same images with --data ROOT",
    );
  }
  const isLabels = stored.every(({ labels }) => labels !== undefined);
  const values = stored.map(({ dir, rows, labels }) => {
    const accuracy = wilsonInterval(rows.filter((row) => !isWrong(row)).length, rows.length).value;
    return { dir, value: isLabels ? (labels?.predictions.score.value ?? Number.NaN) : accuracy };
  });
  return seedSpread(isLabels ? "mAP" : "accuracy", first.rows.length, values);
}

export function seedSpread(name: SeedSpread["name"], images: number, runs: SeedSpread["runs"]): SeedSpread {
  return { name, images, runs, spread: spreadOf(runs.map(({ value }) => value)) };
}

function problem(what: string, where: string, fix: string): CtError {
  return new CtError({ code: "classifier/seeds", what, where, fix });
}
