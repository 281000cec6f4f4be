import { existsSync, readFileSync } from "node:fs";
import { comparePython } from "@classifier-training/base";
import { exifOrientation } from "@classifier-training/image";
import { hashImage, type ImageHashes } from "../content/image-hashes.ts";
import type { LeftOutReason } from "../dataset.ts";
import type { OpenOptions } from "../open/options.ts";
import type { SplitChoices } from "../partition/split-data.ts";
import { openSource } from "../source.ts";
import { storedBytes } from "../stored-bytes.ts";
import { hashSplits } from "./check-splits.ts";
import { type Duplicates, findDuplicates } from "./duplicates.ts";
import { type ListedImage, leftOutOf, type RefusedSplit, takeInventory } from "./inventory.ts";

export interface SplitSummary {
  readonly name: string;
  readonly images: number;
  /** Images of each class. */
  readonly classes: Readonly<Record<string, number>>;
  /** Classes that the training split does not have. */
  readonly unknownClasses: readonly string[];
}

/** What `checkData` found. */
export interface DataReport extends Duplicates {
  readonly root: string;
  readonly splits: readonly SplitSummary[];
  /** Splits that training cannot read, and why. */
  readonly refused: readonly RefusedSplit[];
  readonly corrupt: readonly { readonly image: ListedImage; readonly why: string }[];
  /** Images with a side shorter than `minSide`. */
  readonly tiny: readonly { readonly image: ListedImage; readonly width: number; readonly height: number }[];
  readonly minSide: number;
  /** Images that EXIF says to turn. */
  readonly turned: readonly { readonly image: ListedImage; readonly orientation: number }[];
  /** Whether they were turned, as `data.exif_orientation` does. */
  readonly exifOrientation: boolean;
  readonly missing: readonly ListedImage[];
  readonly unlisted: readonly ListedImage[];
  /** Image files beside the class folders. */
  readonly outside: readonly ListedImage[];
  readonly withoutLabel: readonly ListedImage[];
  /** Files that may be images, in formats that are not read. */
  readonly unread: readonly ListedImage[];
  /** What else was noticed while the splits were opened. */
  readonly remarks: readonly string[];
}

export interface CheckOptions extends OpenOptions {
  /** Sides shorter than this make an image tiny; 16 pixels by default. */
  readonly minSide?: number;
  /** Hears how many images were looked at. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** The splits that training makes of it. */
  readonly split?: SplitChoices | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks at every image of a data root, opened as training opens it: duplicates (equal and nearly equal) within and across splits, contradictory
 * labels, corrupt, tiny, missing, unlisted and unlabeled files, and the classes of each split.
 */
export async function checkData(root: string, options: CheckOptions = {}): Promise<DataReport> {
  const { minSide = 16, split, onProgress, signal, ...reading } = options;
  const { maxPixels, exifOrientation: turns = false } = reading;
  const { splits, refused, remarks } = await takeInventory(root, reading, split);
  const opened = splits.flatMap(({ split: name, dataset }) => (dataset === undefined ? [] : [{ name, dataset }]));
  const { images, hashes, unreadable: corrupt } = await hashSplits(opened, { root, onProgress, signal });
  const files = opened.flatMap(({ dataset }) => dataset.paths.map((_, i) => () => storedBytes(dataset.source, i)));
  const leftOut = (...reasons: LeftOutReason[]) => splits.flatMap((split) => leftOutOf(split, ...reasons));
  const others = leftOut("label unknown to train", "no label").filter(({ path }) => existsSync(path));
  const source = await openSource({
    kind: "files",
    paths: others.map(({ path }) => path),
    decode: { maxPixels, exifOrientation: turns },
  });
  for (const [i, image] of others.entries()) {
    const made = await hashImage(async () => source.read(i));
    if (typeof made === "string") corrupt.push({ image, why: made });
    else hashes.set(image, made);
    images.push(image);
    files.push(() => readFileSync(image.path));
  }
  const readable = images.filter((image) => hashes.has(image));
  const hashesOf = (image: ListedImage) => hashes.get(image) as ImageHashes;
  const duplicates = findDuplicates(readable, hashesOf);
  const trainClasses = splits[0]?.dataset?.classToIdx;
  return {
    root,
    splits: splits
      .filter(({ dataset }) => dataset !== undefined)
      .map(({ split }) => summary(split, images, trainClasses)),
    refused,
    ...duplicates,
    corrupt: corrupt.sort((a, b) => comparePython(a.image.path, b.image.path)),
    tiny: readable.flatMap((image) => {
      const { width, height } = hashesOf(image);
      return Math.min(width, height) < minSide ? [{ image, width, height }] : [];
    }),
    minSide,
    turned: images.flatMap((image, i) => {
      const orientation = orientationOf(files[i] as () => Uint8Array);
      return orientation === 1 ? [] : [{ image, orientation }];
    }),
    exifOrientation: turns,
    missing: leftOut("image missing"),
    unlisted: leftOut("named by no annotation"),
    outside: leftOut("in no class folder"),
    withoutLabel: leftOut("no label"),
    unread: leftOut("format not read"),
    remarks: [
      ...remarks,
      ...splits.flatMap(({ split, dataset }) => dataset?.remarks.map((remark) => `${split}: ${remark}`) ?? []),
    ],
  };
}

function summary(
  name: string,
  images: readonly ListedImage[],
  trainClasses: ReadonlyMap<string, number> | undefined,
): SplitSummary {
  const own = images.filter(({ split }) => split === name);
  // Without a prototype: a class may be called `constructor`.
  const classes: Record<string, number> = Object.create(null);
  for (const label of own.flatMap(({ label, labels = [label] }) => labels).sort(comparePython)) {
    if (label !== "") classes[label] = (classes[label] ?? 0) + 1;
  }
  const unknownClasses = Object.keys(classes).filter((label) => trainClasses?.has(label) === false);
  return { name, images: own.length, classes, unknownClasses };
}

function orientationOf(read: () => Uint8Array): number {
  try {
    return exifOrientation(read());
  } catch {
    // A file that cannot be read is among the corrupt ones.
    return 1;
  }
}
