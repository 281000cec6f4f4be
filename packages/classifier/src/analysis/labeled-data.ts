import { existsSync } from "node:fs";
import { sep } from "node:path";
import { getLogger, splitFolderNames } from "@classifier-training/base";
import { hashDataset, hasSplit, type ImageDataset, pathWithin } from "@classifier-training/vision";
import { labeledFilesOf } from "../data/labeled-files.ts";
import { OpenedSplits } from "../data/opened-splits.ts";
import type { ReadingOptions } from "../data/options.ts";
import type { LabeledFile } from "../evaluation/predict-split.ts";

const log = getLogger("classifier.data");

/** An image by the names that it has where data is analyzed. */
export interface DataImage extends Pick<LabeledFile, "path" | "read"> {
  /** Its path relative to the data, with `/`. */
  readonly sample: string;
  /** The first 32 digits of the SHA-256 of its file. */
  readonly content: string;
}

export interface LabeledImage extends DataImage {
  readonly label: string;
  /** The split that the data itself has it in. */
  readonly split: string;
}

/** Data with all its images, whichever split they are in. */
export interface LabeledData {
  readonly root: string;
  readonly images: readonly LabeledImage[];
  /** Files of images that the data has no label for. */
  readonly unlabeled: readonly Pick<DataImage, "sample" | "path">[];
  /** Whether the data has a validation or test split of its own. */
  readonly isSplit: boolean;
}

const withoutLabel = ["no label", "named by no annotation", "in no class folder"];

/**
 * @param only the name of a split: its images alone
 * @throws CtError where the data cannot be read, or has several labels for an image
 */
export async function openLabeledData(root: string, reading: ReadingOptions, only?: string): Promise<LabeledData> {
  const whole = await new OpenedSplits(root, { ...reading, task: "multiclass" }).whole();
  const train = await whole.open("train", { task: "multiclass" });
  const names = only === undefined ? whole.splits.map((split) => splitFolderNames[split][0]) : [only];
  const images: LabeledImage[] = [];
  const unlabeled = new Map<string, string>();
  const nameOf = (path: string) => pathWithin(root, path).split(sep).join("/");
  for (const name of names) {
    const isTrain = name === splitFolderNames.train[0];
    const { classToIdx } = train;
    const dataset = isTrain ? train : await whole.open(name, { task: "multiclass", classToIdx });
    for (const notice of dataset.notices()) log.warning(`${name}: ${notice}`);
    images.push(...(await imagesOf(dataset, root, name, nameOf)));
    for (const { reason, path } of dataset.leftOut)
      if (withoutLabel.includes(reason) && existsSync(path)) unlabeled.set(nameOf(path), path);
  }
  return {
    root,
    images,
    unlabeled: [...unlabeled].map(([sample, path]) => ({ sample, path })),
    isSplit: hasSplit(whole, "val") || hasSplit(whole, "test"),
  };
}

async function imagesOf(dataset: ImageDataset, root: string, split: string, nameOf: (path: string) => string) {
  const { known } = await hashDataset(dataset, { root, decode: false });
  return labeledFilesOf(dataset).map(({ path, label, read }, i) => ({
    sample: nameOf(path),
    ...{ path, label, split, read },
    content: known[i]?.bytes ?? "",
  }));
}
