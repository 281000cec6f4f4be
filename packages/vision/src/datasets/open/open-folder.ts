import { isImageName } from "@classifier-training/image/files";
import { VisionError } from "../../errors.ts";
import { ImageDataset, type ImageDatasetInit } from "../dataset.ts";
import { isListingName, labeledRows, readListing } from "../listing.ts";
import { annotatedImages, requireOneLayout, some } from "./annotated.ts";
import { classFolders } from "./class-folders.ts";
import { type FileTree, nameOf } from "./file-tree.ts";
import { annotationsOf, isMetadata } from "./layout.ts";
import type { OpenOptions, SplitOptions } from "./options.ts";

export interface FolderOptions extends OpenOptions, SplitOptions {
  /** What the split is called. */
  readonly name: string;
  /** The data root, and listings in it that are not read. */
  readonly within?: { readonly root: FileTree; readonly unread: readonly string[] };
  /** Folders in it that are not classes. */
  readonly without?: readonly string[];
}

/**
 * The images of a split's folder, as its files say that they are labeled: by annotation files (`*.jsonl`, Hugging Face's
 * metadata), by one folder a class, or by a single listing.
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
    const init = await openListings(tree, files, options);
    requireOneLayout(tree, files, init);
    return withUnread(init, root, unread);
  }
  const listings = tree.filesIn().filter(isListingName);
  const [listing] = listings;
  if (listing === undefined || holdsClasses(tree)) return withUnread(openClasses(tree, options, unread), root, unread);
  if (listings.length > 1) throw severalListings(tree, listings);
  return new ImageDataset(await openListings(tree, listings, options));
}

/** Whether there are images in folders. */
export function holdsClasses(tree: FileTree): boolean {
  return tree.folders().some((folder) =>
    tree
      .folder(folder)
      .files()
      .some((path) => isImageName(nameOf(path))),
  );
}

export function severalListings(tree: FileTree, listings: readonly string[]): VisionError {
  return new VisionError({
    code: "vision/mixed-layout",
    what: `${tree.root} has several listings: ${some(tree, listings)}`,
    fix: "name the one to be read instead of the folder",
  });
}

async function openListings(
  tree: FileTree,
  files: readonly string[],
  options: FolderOptions,
): Promise<ImageDatasetInit> {
  const rows = [];
  for (const file of files) rows.push(labeledRows(tree, await readListing(tree, file), options));
  return annotatedImages(tree, rows.flat(), { ...options, from: tree.root, countUnnamed: true });
}

function openClasses(tree: FileTree, options: FolderOptions, unread: readonly string[]): ImageDatasetInit {
  const { maxPixels, exifOrientation, allowEmpty = false, classFolder = "top", ...same } = options;
  try {
    return classFolders(tree, { ...same, allowEmpty, classFolder, decode: { maxPixels, exifOrientation } });
  } catch (error) {
    if (!VisionError.is(error) || error.code !== "vision/split-empty" || unread.length === 0) throw error;
    throw new VisionError({
      ...error.problem,
      where: `listings there: ${some(options.within?.root ?? tree, unread)}`,
      fix: "put images into one folder per class, or name the listing metadata.csv, with columns file_name and label",
    });
  }
}

function withUnread(init: ImageDatasetInit, tree: FileTree, unread: readonly string[]): ImageDataset {
  const dataset = new ImageDataset(init);
  return unread.length === 0 ? dataset : dataset.withRemark(`not read: ${some(tree, unread)}`);
}
