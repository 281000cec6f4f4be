import { readdirSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { CtError, comparePython, type Split, splitFolderNames, splitOf } from "@classifier-training/base";
import { filesBelow, isFolder, isHidden, isImageName, subfolders } from "@classifier-training/image/files";
import { openData, pathWithin } from "@classifier-training/vision/data";

/** An image as the data itself has it, without edits. */
interface OwnImage {
  label: string | undefined;
  split: Split | undefined;
  /** Whether `label` is several labels, which an edit cannot change. */
  hasSeveral?: boolean;
}

export interface FolderImages {
  /** By path relative to the folder, with `/`. */
  readonly images: ReadonlyMap<string, OwnImage>;
  readonly classes: readonly string[];
  /** What a user should know of how it was read. */
  readonly notices: readonly string[];
  /** All folders in it, absolute, itself too. */
  readonly folders: readonly string[];
  /** Of these folders before they were read. */
  readonly stamp: string;
}

/**
 * All images of a folder, whatever its layout, with the labels and splits that the data itself gives them. Training needs two
 * classes and a label for each image; here anything may be missing.
 */
export async function readFolder(folder: string): Promise<FolderImages> {
  const folders = foldersOf(folder);
  const stamp = stampOf(folders);
  const notices: string[] = [];
  const images = new Map<string, OwnImage>();
  const nameOf = (path: string) => pathWithin(folder, path).split(sep).join("/");
  try {
    for (const path of filesBelow(folder, isImageName)) {
      images.set(nameOf(path), { label: undefined, split: undefined });
    }
  } catch (error) {
    notices.push(sentenceOf(error));
  }
  // Folders that someone has made for what is to come are classes, too.
  const known = images.size === 0 ? namesOfClasses(folder) : await readLabels(folder, images, nameOf, notices);
  const classes = known ?? labelByFolder(images);
  return { images, classes, notices, folders, stamp };
}

/** Another one when something was made, removed or renamed in one of the folders. */
export function stampOf(folders: readonly string[]): string {
  return folders.map((folder) => statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0).join(" ");
}

/** As training reads the data. @returns the classes; undefined when training cannot read it as it is */
async function readLabels(
  folder: string,
  images: Map<string, OwnImage>,
  nameOf: (path: string) => string,
  notices: string[],
): Promise<string[] | undefined> {
  try {
    const data = await openData(folder, { onMissing: "skip", allowEmpty: true, withEdits: false });
    const classes: string[] = [];
    for (const split of data.splits) {
      const dataset = await data.open(splitFolderNames[split][0]);
      const names = dataset.classes;
      classes.push(...names);
      // Data without split folders is training data, whose split is made when it is trained on.
      const own = data.splits.length === 1 && split === "train" ? undefined : split;
      let outside = 0;
      for (const [i, path] of dataset.paths.entries()) {
        const image = images.get(nameOf(path));
        if (image === undefined) outside++;
        else {
          const labels = Array.from(dataset.labelsOf(i), (k) => names[k]);
          image.label = labels.join(", ") || undefined;
          image.hasSeveral = labels.length > 1;
          image.split = own;
        }
      }
      if (outside > 0)
        notices.push(`${outside} images of ${data.kind} are in no file of the folder, and not shown here`);
    }
    return [...new Set(classes)];
  } catch (error) {
    if (!CtError.is(error)) throw error;
    return undefined;
  }
}

/** The folder in the root, or in a split's folder, is the class. */
function labelByFolder(images: Map<string, OwnImage>): string[] {
  const classes = new Set<string>();
  for (const [path, image] of images) {
    const [first = "", second = "", ...rest] = path.split("/");
    const split = second === "" ? undefined : splitOf(first);
    image.split = split;
    if (split === undefined) image.label = second === "" ? undefined : first;
    else image.label = rest.length === 0 ? undefined : second;
    if (image.label !== undefined) classes.add(image.label);
  }
  return [...classes].sort(comparePython);
}

/** Of a folder without images. */
function namesOfClasses(folder: string): string[] {
  return isFolder(folder) ? subfolders(folder).filter((name) => splitOf(name) === undefined) : [];
}

function foldersOf(folder: string): string[] {
  const found = [folder];
  for (const at of found) {
    try {
      for (const entry of readdirSync(at, { withFileTypes: true }))
        if (entry.isDirectory() && !isHidden(entry.name)) found.push(join(at, entry.name));
    } catch {
      // Its images are not seen either.
    }
  }
  return found;
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
