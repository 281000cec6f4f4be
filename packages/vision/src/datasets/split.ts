import { basename, dirname, extname, relative, resolve, sep } from "node:path";
import { plural } from "@classifier-training/base";
import { filesBelow, filesIn } from "@classifier-training/image/files";
import { VisionError } from "../errors.ts";
import type { ClassToIdx } from "./classes.ts";
import type { ImageDataset } from "./dataset.ts";
import { isMetadataName, openHfImageFolder } from "./hf-image-folder.ts";
import { ImageFolder } from "./image-folder.ts";
import { JsonlDataset } from "./jsonl.ts";
import type { TaskChoice } from "./row-labels.ts";
import { splitFolder } from "./split-folder.ts";

/** How the images of a split are labeled: one folder a class, `*.jsonl` annotations, Hugging Face's metadata files. */
export type SplitLayout = "folders" | "jsonl" | "metadata.csv" | "metadata.jsonl";

export interface SplitOptions {
  /** The classes of the training split. */
  readonly classToIdx?: ClassToIdx | undefined;
  /** What happens to rows whose image does not exist. */
  readonly onMissing?: "raise" | "skip";
  /** Whether a class folder may hold no images. */
  readonly allowEmpty?: boolean;
  /** Pixels that an image may have at most. */
  readonly maxPixels?: number | undefined;
  /** Whether images are turned as their EXIF orientation says. */
  readonly exifOrientation?: boolean;
  /** Whether images have one label each or any number; `auto` (the default): as the files say. */
  readonly task?: TaskChoice;
}

/**
 * Opens a split as its files say that it is labeled: whatever reads a split (training, the data check, statistics,
 * evaluation) reads it here.
 * @throws VisionError when the root, the split or its samples are missing, or when two layouts are mixed, so that the
 * labels of some images would be lost
 */
export function openSplit(root: string, split: string, options: SplitOptions = {}): ImageDataset {
  const folder = splitFolder(root, split);
  const { layout, annotations } = findLayout(folder);
  const unread = otherListings(root, folder);
  const dataset = openAs(layout, { root, split, ...options }, unread);
  requireOneLayout(folder, annotations, dataset);
  return unread.length === 0 ? dataset : dataset.withRemark(`not read: ${some(unread, root)}`);
}

function openAs(
  layout: SplitLayout,
  { onMissing = "raise", allowEmpty = false, ...same }: SplitOptions & { root: string; split: string },
  unread: readonly string[],
): ImageDataset {
  if (layout === "jsonl") return new JsonlDataset({ ...same, onMissing });
  if (layout !== "folders") return openHfImageFolder({ ...same, onMissing });
  try {
    return new ImageFolder({ ...same, allowEmpty });
  } catch (error) {
    if (!VisionError.is(error) || error.code !== "vision/split-empty" || unread.length === 0) throw error;
    throw new VisionError({
      ...error.problem,
      where: `listings there: ${some(unread, same.root)}`,
      fix: "put images into one folder per class, or name the listing metadata.csv, with columns file_name and label",
    });
  }
}

/** How the images of a split's folder are labeled. @throws VisionError when annotation files are of two kinds */
export function splitLayout(folder: string): SplitLayout {
  return findLayout(folder).layout;
}

function findLayout(folder: string): { layout: SplitLayout; annotations: readonly string[] } {
  const annotations = filesBelow(folder, (name) => name.endsWith(".jsonl") || isMetadataName(name));
  const [first] = annotations;
  if (first === undefined) return { layout: "folders", annotations };
  const kindOf = (path: string): SplitLayout =>
    isMetadataName(basename(path)) ? (basename(path) as SplitLayout) : "jsonl";
  const other = annotations.find((path) => kindOf(path) !== kindOf(first));
  if (other !== undefined) {
    throw new VisionError({
      code: "vision/mixed-layout",
      what: `${folder} has annotation files of two kinds: ${relative(folder, first)} and ${relative(folder, other)}`,
      fix: "keep one of them: *.jsonl annotations, metadata.jsonl or metadata.csv",
    });
  }
  return { layout: kindOf(first), annotations };
}

/**
 * An annotation file speaks for its folder, or for the whole split once it names an image elsewhere. Images that none
 * speaks for are those of another layout, and reading on would lose them.
 */
function requireOneLayout(folder: string, annotations: readonly string[], { paths, leftOut }: ImageDataset): void {
  const unnamed = leftOut.filter(({ reason }) => reason === "named by no annotation");
  if (unnamed.length === 0) return;
  const below = (path: string, parent: string) => resolve(path).startsWith(resolve(parent) + sep);
  const folders = annotations.map((path) => dirname(path));
  if (paths.some((path) => below(path, folder) && !folders.some((parent) => below(path, parent)))) return;
  const lost = unnamed.filter(({ path }) => !folders.some((parent) => below(path, parent)));
  const [example] = lost;
  if (example === undefined) return;
  throw new VisionError({
    code: "vision/mixed-layout",
    what: `${folder} mixes two layouts: ${some(annotations, folder)} labels ${plural(paths.length, "image")}, and ${plural(lost.length, "image")} elsewhere, such as ${relative(folder, example.path)}, would be lost`,
    fix: "move the annotation files and their images out of the split, or add the other images to them",
  });
}

const listingExtensions = new Set([".csv", ".tsv", ".parquet", ".jsonl"]);

/** Files beside or above the images that look like listings and are not read as such. */
function otherListings(root: string, folder: string): string[] {
  const isListing = (name: string) => listingExtensions.has(extname(name));
  const inside = filesBelow(folder, (name) => isListing(name) && !name.endsWith(".jsonl") && !isMetadataName(name));
  return [...inside, ...filesIn(root, isListing)];
}

function some(paths: readonly string[], from: string): string {
  const names = paths.slice(0, 4).map((path) => relative(from, path));
  return paths.length > 4 ? `${names.join(", ")} and ${paths.length - 4} more` : names.join(", ");
}
