import { CtError, splitFolderNames, splits } from "@classifier-training/base";
import type { ImageDataset, LeftOutReason } from "../dataset.ts";
import { type OpenedData, openData } from "../open/open-data.ts";
import type { OpenOptions } from "../open/options.ts";
import { type SplitChoices, type SplitData, splitData } from "../partition/split-data.ts";

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

/**
 * Opens the splits of a data root as training does, but that missing images are collected.
 * @param choices the splits that training makes of it
 */
export async function takeInventory(
  root: string,
  options: OpenOptions = {},
  choices?: SplitChoices,
): Promise<Inventory> {
  const whole = await openData(root, { ...options, onMissing: "skip" });
  const refused: RefusedSplit[] = [];
  const attempt = async <T>(split: string, open: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await open();
    } catch (error) {
      if (!CtError.is(error)) throw error;
      const { what, where, fix } = error.problem;
      refused.push({ split, what, where, fix });
      return undefined;
    }
  };
  const [trainName, valName] = [splitFolderNames.train[0], splitFolderNames.val[0]];
  const all = await attempt(trainName, () => whole.open(trainName));
  const isSplit = all !== undefined && choices !== undefined;
  const data = (isSplit && (await attempt(valName, () => splitData(whole, choices)))) || whole;
  const train = data === whole ? all : await data.open(trainName);
  const opened: OpenedSplit[] = [{ split: trainName, ...(train && { dataset: train }) }];
  for (const split of splits.filter((one) => one !== "train" && data.splits.includes(one))) {
    const name = splitFolderNames[split][0];
    const dataset = await attempt(name, () => data.open(name, train));
    opened.push({ split: name, ...(dataset && { dataset }) });
  }
  const hasVal = data.splits.includes("val") || refused.some(({ split }) => split === valName);
  return { splits: opened, refused, remarks: [...madeOf(data), ...(hasVal ? [] : [withoutVal])] };
}

/** How the training images were split. */
function madeOf(data: OpenedData | SplitData): readonly string[] {
  return "made" in data ? [data.made.summary, ...data.made.notices] : [];
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
