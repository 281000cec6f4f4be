import { CtError, splitFolderNames, splits } from "@classifier-training/base";
import type { ImageDataset, LeftOutReason } from "../dataset.ts";
import { openData } from "../open/open-data.ts";
import type { OpenOptions } from "../open/options.ts";

/** An image as the annotations (or its folder) describe it. */
export interface ListedImage {
  readonly split: string;
  readonly path: string;
  /** Empty when it has none; several are joined by commas. */
  readonly label: string;
  /** The labels of an image of a multilabel dataset. */
  readonly labels?: readonly string[];
  /** Where the label is written. */
  readonly where: string;
}

/** A split that training refuses. */
export interface RefusedSplit {
  readonly split: string;
  readonly what: string;
  readonly where?: string | undefined;
  readonly fix?: string | undefined;
}

export interface OpenedSplit {
  readonly split: string;
  /** Undefined where it cannot be opened. */
  readonly dataset?: ImageDataset;
}

export interface Inventory {
  readonly splits: readonly OpenedSplit[];
  readonly refused: readonly RefusedSplit[];
  /** What is to be said of the splits that are not there. */
  readonly remarks: readonly string[];
}

const withoutVal =
  "no validation split: `classifier train PATH` splits one off the training images (data.val_fraction)";

/** Opens the splits of a data root as training does, but that missing images are collected. */
export async function takeInventory(root: string, options: OpenOptions = {}): Promise<Inventory> {
  const data = await openData(root, { ...options, onMissing: "skip" });
  const refused: RefusedSplit[] = [];
  const opened: OpenedSplit[] = [];
  let train: ImageDataset | undefined;
  const present = splits.filter((split) => split === "train" || data.splits.includes(split));
  for (const split of present.map((one) => splitFolderNames[one][0])) {
    try {
      const dataset = await data.open(split, train);
      if (split === "train") train = dataset;
      opened.push({ split, dataset });
    } catch (error) {
      if (!CtError.is(error)) throw error;
      const { what, where, fix } = error.problem;
      refused.push({ split, what, where, fix });
      opened.push({ split });
    }
  }
  const remarks = data.splits.includes("val") ? [] : [withoutVal];
  return { splits: opened, refused, remarks };
}

/** What an image without any of the classes is called. */
const noClass = "none";

/** The samples of a split, with their labels. */
export function listedImages(split: string, dataset: ImageDataset): ListedImage[] {
  const { classes, labelSets } = dataset;
  return dataset.paths.map((path, i) => {
    const labels = Array.from(dataset.labelsOf(i), (index) => classes[index] as string);
    const label = labelSets !== undefined && labels.length === 0 ? noClass : labels.join(", ");
    return { split, path, label, where: dataset.labeledAt[i] as string, ...(labelSets !== undefined && { labels }) };
  });
}

/** The images of a split that were left out for one of these reasons. */
export function leftOutOf({ split, dataset }: OpenedSplit, ...reasons: LeftOutReason[]): ListedImage[] {
  return (dataset?.leftOut ?? [])
    .filter(({ reason }) => reasons.includes(reason))
    .map(({ path, label, where }) => ({ split, path, label, where }));
}
