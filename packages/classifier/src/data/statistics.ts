import { getLogger, splitFolderNames } from "@classifier-training/base";
import { percent } from "@classifier-training/runs";
import { renderTable } from "../drawing/table.ts";
import { type ClassWeighting, classWeights, positiveWeights } from "./class-weights.ts";
import { logSplit, OpenedSplits } from "./opened-splits.ts";
import type { ReadingOptions } from "./options.ts";

const log = getLogger("classifier.data");

/** A table of the classes: samples in each split that training uses, fraction of the training samples, weight in the loss. */
export async function splitStatistics(root: string, reading: ReadingOptions): Promise<string> {
  const opened = new OpenedSplits(root, reading);
  const data = await opened.data();
  const made = await opened.made();
  if (made !== undefined) logSplit(made);
  const train = await opened.open("train");
  const counts = train.classCounts();
  const present = (["val", "test"] as const).filter((split) => data.splits.includes(split));
  const others = present.map((split) => splitFolderNames[split][0]);
  const otherSplits = await Promise.all(present.map((split) => opened.open(split)));
  const otherCounts = otherSplits.map((split) => split.classCounts());
  for (const split of [train, ...otherSplits]) {
    for (const notice of split.notices()) log.warning(`${split.name}: ${notice}`);
  }
  const weights = (weighting: ClassWeighting) =>
    train.task === "multilabel" ? positiveWeights(counts, train.length, weighting) : classWeights(counts, weighting);
  const inverse = weights("inverse");
  const effective = weights("effective");
  const rows = train.classes.map((name, k) => [
    name,
    counts[k] ?? 0,
    percent((counts[k] ?? 0) / train.length),
    ...otherCounts.map((other) => other[k] ?? 0),
    (inverse[k] ?? 0).toFixed(2),
    (effective[k] ?? 0).toFixed(2),
  ]);
  const smallest = Math.min(...counts);
  const title = `${train.length} training samples in ${train.classes.length} classes; the largest class has ${(Math.max(...counts) / Math.max(1, smallest)).toFixed(0)} times the smallest`;
  return renderTable(title, ["class", "train", "fraction", ...others, "weight (inverse)", "weight (effective)"], rows);
}
