import { plural, type Split, splitFolderNames, splitOf } from "@classifier-training/base";
import { VisionError } from "../../errors.ts";
import { hashDataset } from "../content/content-hashes.ts";
import type { ImageDataset } from "../dataset.ts";
import type { OpenedData } from "../open/open-data.ts";
import { type DatasetSplit, type SplitBy, splitDataset } from "./split-dataset.ts";

/** Which splits are made of the training images. */
export interface SplitChoices extends Pick<SplitBy, "group" | "nearDuplicates" | "seed"> {
  /** Fraction for validation; with `auto` 0.2 of data without a validation split. By default none is made. */
  readonly valFraction?: number | "auto" | undefined;
  readonly testFraction?: number | undefined;
  /** With `train` validation images are training images of data with a validation split, too, which is its test split then. */
  readonly valFrom?: "train" | undefined;
  /** Number of folds of the training images, whether there is a validation split or not. */
  readonly folds?: number | undefined;
  /** The fold that is validated on, from 0. */
  readonly fold?: number | undefined;
  /** The sides that images had before, by the content hash of their files: they have them again, and no other image is used. */
  readonly recorded?: ReadonlyMap<string, Split> | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Data whose training images were split. */
export interface SplitData extends OpenedData {
  readonly made: MadeSplit;
}

export interface MadeSplit extends Omit<DatasetSplit, "sides"> {
  /** The images that were split, in the order of the following. */
  readonly paths: readonly string[];
  /** Of each image; undefined for those that are not used. */
  readonly sides: readonly (Split | undefined)[];
  readonly by: SplitBy & Pick<SplitChoices, "valFrom">;
  /** How many images went where, and how, in one line. */
  readonly summary: string;
}

const autoValFraction = 0.2;

/**
 * Splits the training images of data that lacks a split, or into folds. Splits that the data has stay as they are: `folds`
 * are of the training images alone.
 * @returns the same data where nothing is to be made
 * @throws VisionError for a split that is there and wanted, and when the images cannot be split so
 */
export async function splitData(given: OpenedData, choices: SplitChoices): Promise<OpenedData | SplitData> {
  const { valFrom } = choices;
  const data = valFrom === "train" && hasSplit(given, "val") ? withoutValidation(given) : given;
  const by = splitBy(data, choices);
  if (by === undefined) return data;
  const { whole, assigned, notices } = await imagesToSplit(data, by);
  const recorded = await recordedSplit(whole, data.path, choices);
  const made =
    recorded ?? (await splitDataset(whole, { ...by, assigned, root: data.path, onProgress: choices.onProgress }));
  const isUnused = by.folds !== undefined && data.splits.includes("val");
  const notUsed = "the validation split of the data is not used";
  const unused =
    data !== given
      ? [
          given.splits.includes("test")
            ? `${notUsed}: data.val_from=train, and there is a test split`
            : "the validation split of the data is the test split: data.val_from=train",
        ]
      : isUnused
        ? [`${notUsed}: folds are of the training images`]
        : [];
  const open = (side: Split): ImageDataset => {
    const chosen = [...made.sides.keys()].filter((i) => made.sides[i] === side);
    const { leftOut, remarks } = whole;
    const name = splitFolderNames[side][0];
    return whole.subset(chosen, side === "train" ? { name, leftOut, remarks } : { name });
  };
  return {
    ...data,
    splits: [...new Set([...data.splits, ...made.sides])].filter((split) => split !== undefined),
    made: {
      ...made,
      notices: [...unused, ...notices, ...made.notices],
      paths: whole.paths,
      by: { ...by, ...(valFrom !== undefined && { valFrom }) },
      summary: summaryOf(made.sides, by, recorded === undefined ? assigned : []),
    },
    async open(name, options) {
      const side = splitOf(name);
      const isMade = side !== undefined && (side === "train" || made.sides.includes(side));
      return isMade ? open(side) : data.open(name, options);
    },
  };
}

/** Data whose validation split is its test split, where it has no other, and which has no validation split. */
function withoutValidation(data: OpenedData): OpenedData {
  const isTest = !data.splits.includes("test");
  const renamed = (splits: readonly Split[]) => [
    ...new Set(splits.flatMap((split) => (split !== "val" ? split : isTest ? ("test" as const) : []))),
  ];
  const [valName] = splitFolderNames.val;
  return {
    ...data,
    splits: renamed(data.splits),
    edited: data.edited && { ...data.edited, own: renamed(data.edited.own) },
    open: (name, options) => data.open(isTest && splitOf(name) === "test" ? valName : name, options),
  };
}

/** Whether data has a split, not only images that edits assign to one that it lacks. */
export function hasSplit({ splits, edited }: OpenedData, split: Split): boolean {
  return splits.includes(split) && (edited === undefined || edited.own.includes(split));
}

/**
 * The images that are split: those of training and, of splits that are to be made, those that edits assign to them.
 * With folds a validation split stays beside them.
 */
async function imagesToSplit(data: OpenedData, { valFraction, testFraction }: SplitBy) {
  let whole = await data.open("train");
  const notices: string[] = [];
  const isMade = { train: false, val: valFraction > 0, test: testFraction > 0 };
  for (const split of data.splits) {
    if (!isMade[split] || hasSplit(data, split)) continue;
    const [name] = splitFolderNames[split];
    const assigned = await data.open(name, whole);
    notices.push(...assigned.notices().map((notice) => `${name}: ${notice}`));
    whole = whole.concat(assigned);
  }
  const assigned = whole.paths.map((path) => data.edited?.assigned.get(path));
  return { whole, assigned: data.edited && assigned, notices };
}

/** How the training images are to be split; undefined where they are not. @throws VisionError for choices that exclude each other */
function splitBy(data: OpenedData, choices: SplitChoices): SplitBy | undefined {
  const { valFrom, testFraction = 0, folds, fold, seed, group, nearDuplicates } = choices;
  const valFraction = choices.valFraction ?? (valFrom === "train" && folds === undefined ? "auto" : undefined);
  const refuse = (what: string, fix: string) => new VisionError({ code: "vision/split", what, where: "data", fix });
  if (folds === undefined && fold !== undefined)
    throw refuse(`fold=${fold}, and folds is not set`, "set data.folds=5, too");
  if (folds !== undefined && (fold ?? 0) >= folds)
    throw refuse(`fold=${fold} of folds=${folds}: expected 0 to ${folds - 1}`, "they are counted from 0");
  if (folds !== undefined && typeof valFraction === "number")
    throw refuse(`val_fraction=${valFraction} and folds=${folds} exclude each other`, "leave out one of them");
  for (const [side, fraction] of [
    ["val", valFraction],
    ["test", testFraction],
  ] as const) {
    const isThere = hasSplit(data, side);
    if (typeof fraction !== "number" || fraction === 0 || !isThere) continue;
    throw refuse(
      `${side}_fraction=${fraction}, and ${data.path} has a ${side === "val" ? "validation" : "test"} split`,
      `leave out data.${side}_fraction: a split that the data has is used as it is`,
    );
  }
  const val = valFraction === "auto" ? (hasSplit(data, "val") ? 0 : autoValFraction) : (valFraction ?? 0);
  if (folds === undefined && val + testFraction >= 1)
    throw refuse(`val_fraction=${val} and test_fraction=${testFraction} leave no training images`, "make them smaller");
  if (folds === undefined && val === 0 && testFraction === 0) return undefined;
  return {
    valFraction: folds === undefined ? val : 0,
    testFraction,
    ...(folds !== undefined && { folds: { count: folds, fold: fold ?? 0 } }),
    ...{ seed, group, nearDuplicates },
  };
}

/** The split that a record gives the images; undefined without one, or where it knows none of them. */
async function recordedSplit(whole: ImageDataset, root: string, { recorded, onProgress }: SplitChoices) {
  if (recorded === undefined) return undefined;
  const { known } = await hashDataset(whole, { root, decode: false, onProgress });
  const hashes = known.map(({ bytes }) => bytes);
  const sides = hashes.map((hash) => recorded.get(hash));
  const unknown = sides.filter((side) => side === undefined).length;
  if (unknown === sides.length) return undefined;
  const present = new Set(hashes);
  const gone = [...recorded.keys()].filter((hash) => !present.has(hash)).length;
  const notices = [
    ...(unknown === 0 ? [] : [`${plural(unknown, "image")} that the recorded split does not know: not used`]),
    ...(gone === 0 ? [] : [`${plural(gone, "image")} of the recorded split: not there any more`]),
  ];
  return { sides, hashes, notices, foldOf: undefined };
}

function summaryOf(sides: MadeSplit["sides"], { folds, group }: SplitBy, assigned: readonly unknown[] = []): string {
  const counts = (["train", "val", "test"] as const).flatMap((side) => {
    const count = sides.filter((one) => one === side).length;
    return count === 0 ? [] : `${count} ${splitFolderNames[side][0]}`;
  });
  const by = `by class and content${group === undefined ? "" : `, groups of ${group} together`}`;
  const count = assigned.filter((side) => side !== undefined).length;
  const pinned = count === 0 ? "" : `, ${plural(count, "image")} as assigned`;
  return `${folds === undefined ? "split" : `fold ${folds.fold} of ${folds.count}`}: ${counts.join(", ")}, ${by}${pinned}`;
}
