import { splitFolderNames } from "@classifier-training/base";
import { VisionError } from "../../errors.ts";
import type { ImageDataset, LeftOutReason } from "../dataset.ts";
import { openSplit, type SplitOptions } from "../split.ts";
import { findSplitFolder, splitFolder } from "../split-folder.ts";

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
}

/** How training will decode the images. */
export type DecodeChoices = Pick<SplitOptions, "maxPixels" | "exifOrientation">;

/** The folders that training and testing read; the first two it needs. */
const needed: readonly string[] = [splitFolderNames.train[0], splitFolderNames.val[0]];
const optional = splitFolderNames.test[0];

/** Opens the splits of a data root as training does, but that missing images are collected. */
export function takeInventory(root: string, decode: DecodeChoices = {}): Inventory {
  splitFolder(root, undefined);
  const refused: RefusedSplit[] = [];
  const names = findSplitFolder(root, optional) !== undefined ? [...needed, optional] : needed;
  let train: ImageDataset | undefined;
  const splits = names.map((split): OpenedSplit => {
    try {
      const known = train && { classToIdx: train.classToIdx, task: train.task };
      const dataset = openSplit(root, split, { ...decode, ...known, onMissing: "skip" });
      if (split === "train") train = dataset;
      if (dataset === train && train.classToIdx.size < 2) {
        const [only] = train.classes;
        refused.push({
          split,
          what: only === undefined ? "its images are of no class" : `its images are all of one class, ${only}`,
          fix: "a classifier needs two or more",
        });
      }
      return { split, dataset };
    } catch (error) {
      if (!VisionError.is(error)) throw error;
      const { what, where, fix } = error.problem;
      refused.push({ split, what, where, fix });
      return { split };
    }
  });
  return { splits, refused };
}

/** The images of a split that were left out for one of these reasons. */
export function leftOutOf({ split, dataset }: OpenedSplit, ...reasons: LeftOutReason[]): ListedImage[] {
  return (dataset?.leftOut ?? [])
    .filter(({ reason }) => reasons.includes(reason))
    .map(({ path, label, where }) => ({ split, path, label, where }));
}
