import { createHash } from "node:crypto";
import { basename } from "node:path";
import { plural, type Split } from "@classifier-training/base";
import { VisionError } from "../../errors.ts";
import { type ContentHashes, hashDataset, unreadable } from "../content/content-hashes.ts";
import { nearGroups } from "../content/image-hashes.ts";
import type { ImageDataset } from "../dataset.ts";
import { groupsOf } from "../groups.ts";
import { free, type Part, partition, type StratifyBy, unsplit } from "./partition.ts";
import { equalOnes, joinUnits, type Units } from "./units.ts";

/** How the images of a dataset are split. */
export interface SplitBy {
  /** Fraction of the images of each class for validation; without folds. */
  readonly valFraction: number;
  readonly testFraction: number;
  /** Number of folds, and the one (from 0) that is validated on. */
  readonly folds?: { readonly count: number; readonly fold: number } | undefined;
  readonly seed: number;
  /** What is never split: a column of the metadata, or a regular expression whose first group is a part of the path. */
  readonly group?: string | undefined;
  /** Whether nearly equal images stay together; by default where there are at most 50,000. */
  readonly nearDuplicates?: boolean | "auto" | undefined;
}

/** The split of a dataset. */
export interface DatasetSplit {
  /** Of each image, in the order of the dataset. */
  readonly sides: readonly Split[];
  /** The fold that validates each image, -1 where none does; undefined without folds. */
  readonly foldOf: Int16Array | undefined;
  /** The content hash of each image's file: 32 hexadecimal digits. */
  readonly hashes: readonly string[];
  /** What a user should know of it, in sentences. */
  readonly notices: readonly string[];
}

export interface SplitDatasetOptions extends SplitBy {
  /** The side of each image that is assigned to one, undefined of the others; with folds, `train` is in none of them. */
  readonly assigned?: readonly (Split | undefined)[] | undefined;
  /** The folder or file that the dataset was opened from. */
  readonly root: string;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Splits a dataset into training, validation and test images, or into folds: stratified by class, by the content of the
 * files and a seed. The same images get the same split, whatever their names, order, folder or machine. Images with equal
 * bytes, equal pixels, nearly equal pixels or of one group are on one side. Classes with one or two images, or whose images
 * all stay together, are in training.
 * @throws VisionError when the images cannot be split so, or the group is not in the metadata
 */
export async function splitDataset(dataset: ImageDataset, options: SplitDatasetOptions): Promise<DatasetSplit> {
  const { assigned = [], folds, group, nearDuplicates = "auto", seed } = options;
  const parts = partsOf(options);
  const groups =
    group === undefined ? undefined : groupsOf(dataset, group, { root: options.root, where: "data.group" });
  const content = await hashDataset(dataset, { ...options, decode: nearDuplicates });
  const duplicates = duplicatesOf(content);
  const units = joinUnits(ordersOf(dataset, content, groups, seed), [
    ...duplicates,
    ...(groups === undefined ? [] : equalOnes(groups)),
  ]);
  const names = parts.map(({ side }) => side);
  const assignedTo = assignedParts(assigned, names, units);
  const partOf = partition(units, labelSetsOf(dataset), parts, assignedTo.unit);
  // Where duplicates are assigned to different sides, each image is where it was assigned to.
  for (const [i, part] of assignedTo.image.entries()) if (part !== free) partOf[i] = part;
  const foldOf = folds && partOf.map((part) => (parts[part]?.side === "val" ? part : unsplit));
  const sides = Array.from(partOf, (part): Split => {
    const side = names[part] ?? "train";
    return folds !== undefined && side === "val" && part !== folds.fold ? "train" : side;
  });
  requireImages(dataset, partOf, parts, options);
  const together = new Set(duplicates.flat()).size;
  const none = groups?.filter((value) => value === undefined).length ?? 0;
  return {
    sides,
    foldOf,
    hashes: content.known.map(({ bytes }) => bytes),
    notices: [
      ...(together === 0 ? [] : [`${together} images have duplicates or near duplicates, which are on the same side`]),
      ...(content.notDecoded === undefined ? [] : [content.notDecoded]),
      ...(none === 0 ? [] : [`${plural(none, "image")} without '${group}': each a group of its own`]),
      ...withoutValidation(dataset, partOf, parts),
    ],
  };
}

/** The parts that images are assigned to; of a unit, that of the first one. What stays with them goes there, too. */
function assignedParts(
  assigned: readonly (Split | undefined)[],
  names: readonly Split[],
  units: Units,
): { image: Int16Array; unit: Int16Array } {
  const image = new Int16Array(units.of.length).fill(free);
  const unit = new Int16Array(units.count).fill(free);
  for (const [i, side] of assigned.entries()) {
    if (side === undefined) continue;
    image[i] = names.indexOf(side);
    const own = units.of[i] as number;
    if (unit[own] === free) unit[own] = image[i] as number;
  }
  return { image, unit };
}

interface NamedPart extends Part {
  readonly side: Split;
}

/** In the order of the line that they are cut from: folds have the indices 0, 1, ... */
function partsOf({ valFraction, testFraction, folds }: SplitBy): NamedPart[] {
  const rest = 1 - testFraction;
  const whole: NamedPart[] =
    folds === undefined
      ? [
          { side: "val", fraction: valFraction, atLeast: 1 },
          { side: "train", fraction: rest - valFraction },
        ]
      : Array.from({ length: folds.count }, () => ({ side: "val", fraction: rest / folds.count }));
  return [...whole, { side: "test" as const, fraction: testFraction }].filter(({ fraction }) => fraction > 0);
}

/** The images of each group of duplicates: of equal bytes, of equal pixels, of nearly equal pixels. */
function duplicatesOf({ known }: ContentHashes): number[][] {
  const bytes = equalOnes(known.map(({ bytes }) => (bytes === unreadable ? undefined : bytes)));
  const decoded = known.map(({ image }) => (typeof image === "object" ? image : undefined));
  const readable = [...decoded.keys()].filter((i) => decoded[i] !== undefined);
  const near = nearGroups(readable.map((i) => decoded[i] as Exclude<(typeof decoded)[number], undefined>));
  return [...bytes, ...near.map((members) => members.map((k) => readable[k] as number))];
}

/** A number in [0, 1) for each image, of the seed and its content, or its group. */
function ordersOf(
  { paths }: ImageDataset,
  { known }: ContentHashes,
  groups: readonly (string | undefined)[] | undefined,
  seed: number,
): Float64Array {
  return Float64Array.from(known, ({ bytes }, i) => {
    const own = bytes === unreadable ? `${unreadable} ${basename(paths[i] as string)}` : bytes;
    const key = groups?.[i] === undefined ? own : `group ${groups[i]}`;
    return createHash("sha256").update(`${seed} ${key}`).digest().readUIntBE(0, 6) / 2 ** 48;
  });
}

/** Of a multilabel dataset each combination of classes is a label set. */
function labelSetsOf(dataset: ImageDataset): StratifyBy {
  const { classes, targets, length } = dataset;
  if (dataset.task === "multiclass") {
    return { setOf: targets, sets: classes.map((_, k) => [k]), nameOf: (set) => classes[set] as string };
  }
  const sets = new Map<string, number>();
  const setOf = Int32Array.from({ length }, (_, i) => {
    const key = dataset.labelsOf(i).join();
    const known = sets.get(key) ?? sets.size;
    return sets.set(key, known).get(key) as number;
  });
  const all = [...sets.keys()].map((key) => (key === "" ? [] : key.split(",").map(Number)));
  return { setOf, sets: all, nameOf: (set) => (all[set] as number[]).map((k) => classes[k]).join("\n") };
}

/** @throws VisionError when a part has no image, or no class has an image for each fold */
function requireImages(
  dataset: ImageDataset,
  partOf: Int16Array,
  parts: readonly NamedPart[],
  { folds, nearDuplicates }: SplitBy,
): void {
  const missing = parts.find((_, part) => !partOf.includes(part));
  const split = new Int32Array(dataset.classToIdx.size);
  for (const [i, part] of partOf.entries()) if (part !== unsplit) for (const k of dataset.labelsOf(i)) split[k]!++;
  const largest = Math.max(...split);
  const isTraining = missing?.side === "train" && partOf.includes(unsplit);
  if ((missing === undefined || isTraining) && largest >= (folds?.count ?? 0)) return;
  const into = folds === undefined ? `${missing?.side ?? "train"} images` : `${folds.count} folds`;
  throw new VisionError({
    code: "vision/too-few-to-split",
    what: `${dataset.name}: too few images for ${into}: of ${plural(dataset.length, "image")}, the largest class has ${largest} that may be on different sides`,
    where: "classes of one or two images, duplicates, near duplicates and groups stay together",
    fix: [
      folds === undefined ? "make folders train/ and valid/" : "use fewer folds",
      ...(nearDuplicates === false ? [] : ["let near duplicates be split with data.near_duplicates=false"]),
    ].join(", or "),
  });
}

/** Lines on classes without validation images: those that stay together, and others. */
function withoutValidation(dataset: ImageDataset, partOf: Int16Array, parts: readonly NamedPart[]): string[] {
  const { classes } = dataset;
  const validated = new Set<number>();
  const split = new Set<number>();
  for (const [i, part] of partOf.entries()) {
    for (const label of dataset.labelsOf(i)) {
      if (part !== unsplit) split.add(label);
      if (parts[part]?.side === "val") validated.add(label);
    }
  }
  const counts = dataset.classCounts();
  const list = (which: readonly number[]) => {
    const shown = which.slice(0, 5).map((k) => classes[k]);
    return shown.join(", ") + (which.length > shown.length ? `, and ${which.length - shown.length} more` : "");
  };
  const present = [...counts.keys()].filter((k) => (counts[k] as number) > 0);
  const together = present.filter((k) => !split.has(k));
  const others = present.filter((k) => split.has(k) && !validated.has(k));
  const one = (which: readonly number[]) => plural(which.length, "class", "classes");
  return [
    ...(together.length === 0
      ? []
      : [`${one(together)} with one or two images, or all in one group, only in training: ${list(together)}`]),
    ...(others.length === 0 ? [] : [`${one(others)} without validation images: ${list(others)}`]),
  ];
}
