import { shellWord } from "@classifier-training/base";
import { isImageName } from "@classifier-training/image/files";
import { VisionError } from "../../errors.ts";
import { ImageDataset, type ImageDatasetInit } from "../dataset.ts";
import { isListingName } from "../listing.ts";
import type { LabeledRow } from "../row-labels.ts";
import { annotatedImages, requireOneLayout, some } from "./annotated.ts";
import { isArchiveName, openArchives } from "./archives.ts";
import { classFolders } from "./class-folders.ts";
import { describeTree, expectedTree } from "./describe-tree.ts";
import { type FileTree, nameOf } from "./file-tree.ts";
import { annotationsOf, isMetadata } from "./layout.ts";
import { type ListedRows, readRows } from "./listed-rows.ts";
import type { OpenOptions, SplitOptions } from "./options.ts";
import { pairedRows } from "./pairs.ts";

export interface FolderOptions extends OpenOptions, SplitOptions {
  /** What the split is called. */
  readonly name: string;
  /** The data root, and listings in it that are not read. */
  readonly within?: { readonly root: FileTree; readonly unread: readonly string[] };
}

/**
 * The images of a split's folder or archive, as its files say that they are labeled: by annotation files (`*.jsonl`, Hugging
 * Face's metadata), by files of the same name (WebDataset), by one folder a class, by a listing, or in archives.
 * @throws VisionError when there are no samples, or two layouts are mixed, so that the labels of some images would be lost
 */
export async function openFolder(tree: FileTree, options: FolderOptions): Promise<ImageDataset> {
  const { files } = annotationsOf(tree);
  const unread = [
    ...tree.files().filter((path) => isListingName(path) && !path.endsWith(".jsonl") && !isMetadata(path)),
    ...(options.within?.unread ?? []),
  ];
  const root = options.within?.root ?? tree;
  if (files.length > 0) {
    const init = openRows(tree, await readRows(tree, files, options), options);
    requireOneLayout(tree, files, init);
    return withUnread(init, root, unread);
  }
  const hasClasses = holdsClasses(tree);
  const pairs = tree.isArchive || !hasClasses ? pairedRows(tree, options, !hasClasses) : undefined;
  if (pairs !== undefined) {
    return new ImageDataset(openRows(tree, { images: tree, rows: pairs, isEmbedded: true }, options));
  }
  if (hasClasses) return withUnread(openClasses(tree, options), root, unread);
  const listings = tree.filesIn().filter(isListingName);
  if (listings.length > 0) {
    if (listings.length > 1 && !listings.every((path) => /\.parquet$/i.test(path)))
      throw severalListings(tree, listings);
    return new ImageDataset(openRows(tree, await readRows(tree, listings, options), options));
  }
  const archives = tree.filesIn().filter(isArchiveName);
  if (archives.length > 0 && !tree.isArchive) return openFolder(await openArchives(tree.root, archives), options);
  try {
    return withUnread(openClasses(tree, options), root, unread);
  } catch (error) {
    if (!VisionError.is(error) || error.code !== "vision/split-empty") throw error;
    const where = unread.length === 0 ? describeTree(tree) : `listings there: ${some(root, unread)}`;
    // Photos as they come from a camera.
    const isLoose = !root.isArchive && tree.filesIn().some((path) => isImageName(nameOf(path)));
    const label = `\n  or label them on a page: classifier studio ${shellWord(root.root)}`;
    throw new VisionError({ ...error.problem, where, fix: isLoose ? expectedTree + label : expectedTree });
  }
}

/** Whether there are images in folders. */
export function holdsClasses(tree: FileTree): boolean {
  return tree.files().some((path) => isImageName(nameOf(path)) && tree.relative(path) !== nameOf(path));
}

export function severalListings(tree: FileTree, listings: readonly string[]): VisionError {
  return new VisionError({
    code: "vision/mixed-layout",
    what: `${tree.root} has several listings: ${some(tree, listings)}`,
    fix: "name the one to be read instead of the folder",
  });
}

/** The images of rows that stand in a folder: it should hold no others. */
function openRows(
  tree: FileTree,
  { images, rows, isEmbedded }: ListedRows<LabeledRow>,
  options: FolderOptions,
): ImageDatasetInit {
  return annotatedImages(images, rows, { ...options, from: tree.root, countUnnamed: !isEmbedded });
}

function openClasses(tree: FileTree, options: FolderOptions): ImageDatasetInit {
  const { maxPixels, exifOrientation, allowEmpty = false, classFolder = "top", ...same } = options;
  return classFolders(tree, { ...same, allowEmpty, classFolder, decode: { maxPixels, exifOrientation } });
}

function withUnread(init: ImageDatasetInit, tree: FileTree, unread: readonly string[]): ImageDataset {
  const dataset = new ImageDataset(init);
  return unread.length === 0 ? dataset : dataset.withRemark(`not read: ${some(tree, unread)}`);
}
