import { CtError, getLogger, splitOf } from "@classifier-training/base";
import { joinLabels, type SplitRecord } from "@classifier-training/runs";
import {
  type ByteImage,
  encodePng,
  hasSplit,
  type ImageDataset,
  type SourceSpec,
  storedBytes,
} from "@classifier-training/vision";
import type { LabeledFile } from "../evaluation/predict-split.ts";
import { logSplit, OpenedSplits } from "./opened-splits.ts";
import type { ReadingOptions } from "./options.ts";

const log = getLogger("classifier.data");

/**
 * The images of a split with their labels. Of data without that split it is the one that the models' runs have recorded, or
 * else the one that training makes of it; data that has nothing of what these runs have split is other data: all of it.
 * @throws VisionError when the split is missing, or has several labels for an image where the task allows one; CtError
 * when the runs have recorded different splits
 */
export async function readLabeledFiles(
  root: string,
  split: string,
  reading: ReadingOptions,
  recorded: readonly SplitRecord[] = [],
): Promise<LabeledFile[]> {
  const { task } = reading;
  const [record] = recorded;
  const opened = new OpenedSplits(root, reading, record);
  const whole = await opened.whole();
  const side = splitOf(split);
  const isThere = side !== undefined && side !== "train" && hasSplit(whole, side);
  const made = isThere ? undefined : await opened.made();
  if (isThere && side === "val" && record?.by.valFrom === "train")
    log.info(`${split}: the split of the data, which the run was not validated on (data.val_from=train)`);
  const isOther = made !== undefined && recorded.length > 0 && !recorded.some((one) => knowsAny(one, made.hashes));
  if (isOther) log.info(`${root}: none of the images that the run has split, so all of them`);
  else if (made !== undefined && side !== undefined) {
    if (recorded.some(({ digest }) => digest !== record?.digest)) throw severalSplits(root);
    logSplit(made);
  }
  const data = isThere || isOther ? whole : await opened.data();
  const dataset = await data.open(isOther ? "train" : split, { task });
  for (const notice of dataset.notices()) log.warning(`${split}: ${notice}`);
  return labeledFilesOf(dataset);
}

/** The images of a dataset with their labels, each with what reads its stored bytes where it is not a file of its own. */
export function labeledFilesOf(dataset: ImageDataset): LabeledFile[] {
  const { paths, classes, metadata } = dataset;
  const readers = {
    files: undefined,
    shards: async (i: number) => storedBytes(dataset.source, i),
    others: async (i: number) => encodePng((await dataset.get(i)).image as ByteImage),
  };
  const read = readers[storageOf(dataset.source)];
  const labelsOf = (i: number) => Array.from(dataset.labelsOf(i), (index) => classes[index] as string);
  return paths.map((path, i) => ({
    path,
    label: dataset.labelSets === undefined ? (labelsOf(i)[0] as string) : joinLabels(labelsOf(i)),
    ...(dataset.labelSets !== undefined && { labels: labelsOf(i) }),
    ...(read !== undefined && { read: () => read(i) }),
    ...(metadata[i] !== undefined && { metadata: metadata[i] }),
  }));
}

function knowsAny({ samples }: SplitRecord, hashes: readonly string[]): boolean {
  const known = new Set(samples.map(({ content }) => content));
  return hashes.some((hash) => known.has(hash));
}

/** What the images of a source are read from; `shards` where some are in archives and some are files. */
export function storageOf(source: SourceSpec): "files" | "shards" | "others" {
  if (source.kind === "subset") return storageOf(source.of);
  if (source.kind === "files" || source.kind === "shards") return source.kind;
  if (source.kind !== "concat") return "others";
  const kinds = new Set(source.parts.map(({ of }) => storageOf(of)));
  return (["others", "shards"] as const).find((kind) => kinds.has(kind)) ?? "files";
}

function severalSplits(root: string): CtError {
  return new CtError({
    code: "evaluate/splits",
    what: "the runs have split their images in different ways: what one was validated on, another was trained on",
    where: root,
    fix: "evaluate them one by one, on data with a validation split, or with --folds where they are folds",
  });
}
