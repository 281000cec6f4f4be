import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { comparePython, didYouMean, nearestName, plural, type Split, splitOf } from "@classifier-training/base";
import { isFolder, isHidden, isImageName, subfolders } from "@classifier-training/image/files";
import { VisionError } from "../../errors.ts";
import type { ImageDataset } from "../dataset.ts";
import { EditLog, type Edits, placesOf } from "../edits/edit-log.ts";
import { editData } from "../edits/edited-parts.ts";
import { isListingName, readListing } from "../listing.ts";
import { isArchiveName, isOtherArchiveName, openArchives } from "./archives.ts";
import { describeTree, expectedTree } from "./describe-tree.ts";
import { FolderTree } from "./file-tree.ts";
import { recognizeIdx } from "./idx-files.ts";
import { openFolder } from "./open-folder.ts";
import type { OpenOptions, SplitOptions } from "./options.ts";
import { shardsOf } from "./shards.ts";
import { type EditedSplits, type Part, type Recognized, recognizeListings, recognizeTree } from "./splits.ts";

/** A data path that was recognized. */
export interface OpenedData {
  readonly path: string;
  /** What it is, in words: `class folders`, `listing photos.csv`. */
  readonly kind: string;
  /** The splits that are there. */
  readonly splits: readonly Split[];
  /** What edits say of its splits; undefined without edits. */
  readonly edited?: EditedSplits | undefined;
  /**
   * Opens a split, or another part by the name that it has there; the same way once.
   * @throws VisionError when it is not there, has no samples, or (for `train`) fewer than two classes
   */
  open(split: string, options?: SplitOptions): Promise<ImageDataset>;
}

/**
 * Recognizes what a path holds, and its splits: folders of class folders with or without split folders (`train`; `valid`,
 * `val`, `validation`, `dev`; `test`), annotations, a listing. Whatever reads data (training, the data check, statistics,
 * evaluation) opens it here.
 * @throws VisionError when it does not exist, is nothing that can be read, or has two candidates for a split
 */
export async function openData(path: string, options: OpenOptions = {}): Promise<OpenedData> {
  const edits = options.withEdits === false ? undefined : EditLog.open(path).inForce();
  const found =
    edits === undefined
      ? await recognize(path, options)
      : await editData(await recognize(path, { ...options, allowEmpty: options.allowEmpty || "skip" }), edits, options);
  const notApplied = edits === undefined ? editsOfFolder(path) : [];
  const opened = new Map<string, Promise<ImageDataset>>();
  const open = async (name: string, { classToIdx, task = options.task }: SplitOptions) => {
    const dataset = await openPart(path, found, name, { ...options, classToIdx, task }, edits);
    if (splitOf(name) === "train" && dataset.classToIdx.size < 2) throw oneClass(path, dataset, edits);
    return [...found.remarks, ...notApplied].reduce((images, remark) => images.withRemark(remark), dataset);
  };
  return {
    path,
    kind: found.kind,
    splits: found.parts.flatMap(({ split }) => split ?? []),
    edited: found.edited,
    open(name, chosen = {}) {
      if (chosen.classToIdx !== undefined) return open(name, chosen);
      const key = JSON.stringify([name, chosen.task]);
      const known = opened.get(key) ?? open(name, chosen);
      opened.set(key, known);
      return known;
    },
  };
}

/** Says that a list or an archive without edits lies in a folder that has some: they are those of the folder. */
function editsOfFolder(path: string): string[] {
  if (isFolder(path)) return [];
  const [, file] = placesOf(dirname(path));
  return existsSync(file) ? [`not applied, because they are of its folder: the edits in ${file}`] : [];
}

async function recognize(path: string, options: OpenOptions): Promise<Recognized> {
  const shards = shardsOf(path);
  if (shards !== undefined) return recognizeTree(await openArchives(path, shards), options);
  if (!existsSync(path)) throw missingPath(path);
  if (isFolder(path)) return recognizeIdx(path) ?? recognizeTree(new FolderTree(path), options);
  if (isListingName(path)) {
    const tree = new FolderTree(dirname(path));
    return recognizeListings(tree, [await readListing(tree, path)], options);
  }
  if (isArchiveName(path)) return recognizeTree(await openArchives(path, [path]), options);
  throw notData(path);
}

async function openPart(
  path: string,
  { parts }: Recognized,
  name: string,
  options: OpenOptions & SplitOptions,
  edits: Edits | undefined,
): Promise<ImageDataset> {
  const split = splitOf(name);
  const part =
    parts.find((known) => known.name === name) ?? parts.find((known) => known.split === split && split !== undefined);
  if (part !== undefined) return part.open(options);
  const folder = join(path, name);
  if (isFolder(folder)) {
    const own: Part = {
      name,
      split: undefined,
      open: (chosen) => openFolder(new FolderTree(folder), { ...options, ...chosen, name }),
    };
    if (edits === undefined) return own.open(options);
    const edited = await editData({ kind: "folder", parts: [own], remarks: [] }, edits, options);
    return openPart(path, edited, name, options, undefined);
  }
  throw missingSplit(
    path,
    parts.map((known) => known.name),
    name,
  );
}

function missingSplit(path: string, parts: readonly string[], name: string): VisionError {
  const present = isFolder(path) ? subfolders(path) : parts;
  const there = isFolder(path) ? "folders there" : "splits there";
  return new VisionError({
    code: "vision/split-missing",
    what: `the data root ${path} has no split '${name}'`,
    where: present.length === 0 ? "the folder is empty" : `${there}: ${present.slice(0, 20).join(", ")}`,
    fix:
      didYouMean(nearestName(name, [...present, ...parts])) ??
      (isFolder(path)
        ? `create ${join(path, name)}${splitOf(name) === "val" ? ", or split the training images with data.val_fraction=0.2" : ""}`
        : undefined),
  });
}

function missingPath(path: string): VisionError {
  const parent = dirname(path);
  const beside = isFolder(parent) ? readdirSync(parent).filter((name) => !isHidden(name)) : [];
  const near = nearestName(basename(path), beside.sort(comparePython));
  return new VisionError({
    code: "vision/data-root-missing",
    what: `the data root ${path} does not exist`,
    fix: didYouMean(near && join(parent, near)) ?? "set data.data_root to the folder that holds the images",
  });
}

function notData(path: string): VisionError {
  const isImage = isImageName(basename(path));
  const kind = statSync(path).isFile() ? "a file of another kind" : "neither a file nor a folder";
  const what = isImage ? "a single image" : isOtherArchiveName(path) ? "an archive of a kind that is not read" : kind;
  const expected =
    "give a folder with one folder of images a class, a .jsonl, .csv, .tsv or .parquet list, a .zip, .tar or .tar.gz";
  return new VisionError({
    code: "vision/data-root",
    what: `${path} is ${what}: expected images of two or more classes`,
    fix: isImage ? `${expected}; a trained model classifies an image by \`classifier predict RUN IMAGE\`` : expected,
  });
}

function oneClass(path: string, { classes, paths }: ImageDataset, edits: Edits | undefined): VisionError {
  const [only] = classes;
  return new VisionError({
    code: "vision/one-class",
    what: `its images are ${only === undefined ? "of no class" : `all of one class, ${only}`}: a classifier needs two or more`,
    where: isFolder(path) ? describeTree(new FolderTree(path)) : `${path}: ${plural(paths.length, "image")}`,
    fix: edits === undefined ? expectedTree : "label images of another class, too",
  });
}
