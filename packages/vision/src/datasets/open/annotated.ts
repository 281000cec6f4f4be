import { dirname } from "node:path";
import { plural } from "@classifier-training/base";
import { VisionError } from "../../errors.ts";
import type { ImageDatasetInit } from "../dataset.ts";
import { labeledSamples, unnamedImages } from "../labeled-rows.ts";
import type { LabeledRow } from "../row-labels.ts";
import { emptySplit } from "../split-folder.ts";
import type { FileTree } from "./file-tree.ts";
import type { OpenOptions, SplitOptions } from "./options.ts";

interface AnnotatedOptions extends SplitOptions, Pick<OpenOptions, "onMissing" | "maxPixels" | "exifOrientation"> {
  readonly name: string;
  /** What holds the rows, in messages. */
  readonly from: string;
  /** Whether images that no row names are counted. */
  readonly countUnnamed: boolean;
}

/** The images that rows name. @throws VisionError when none of them has a label and an image */
export function annotatedImages(
  tree: FileTree,
  rows: readonly LabeledRow[],
  {
    name,
    from,
    countUnnamed,
    classToIdx,
    onMissing = "raise",
    task = "auto",
    maxPixels,
    exifOrientation,
  }: AnnotatedOptions,
): ImageDatasetInit {
  const samples = labeledSamples(rows, (path) => tree.exists(path), { classToIdx, onMissing, task });
  if (samples.targets.length === 0) {
    const [first] = samples.leftOut ?? [];
    const example =
      first === undefined ? "" : ` (${first.reason}${first.label === "" ? "" : `: ${first.label}`}, ${first.where})`;
    throw emptySplit(
      from,
      `none of its ${plural(rows.length, "row")} has a usable label${example}`,
      "check the columns of labels and images, and the images' paths",
    );
  }
  return {
    ...samples,
    name,
    source: tree.images(samples.paths, { maxPixels, exifOrientation }),
    leftOut: [...(samples.leftOut ?? []), ...(countUnnamed ? unnamedImages(tree, rows) : [])],
  };
}

/**
 * An annotation file speaks for its folder, or for the whole split once it names an image elsewhere. Images that none
 * speaks for are those of another layout, and reading on would lose them.
 * @throws VisionError naming the annotation files and the number of such images
 */
export function requireOneLayout(
  tree: FileTree,
  annotations: readonly string[],
  { paths, leftOut = [] }: Pick<ImageDatasetInit, "paths" | "leftOut">,
): void {
  const unnamed = leftOut.filter(({ reason }) => reason === "named by no annotation");
  if (unnamed.length === 0) return;
  const folders = annotations.map((path) => `${dirname(tree.absolute(path))}/`);
  const isBelow = (path: string) => folders.some((folder) => tree.absolute(path).startsWith(folder));
  if (paths.some((path) => tree.contains(path) && !isBelow(path))) return;
  const lost = unnamed.filter(({ path }) => !isBelow(path));
  const [example] = lost;
  if (example === undefined) return;
  throw new VisionError({
    code: "vision/mixed-layout",
    what: `${tree.root} mixes two layouts: ${some(tree, annotations)} labels ${plural(paths.length, "image")}, and ${plural(lost.length, "image")} elsewhere, such as ${tree.relative(example.path)}, would be lost`,
    fix: "move the annotation files and their images out of the split, or add the other images to them",
  });
}

/** The first of several paths, as they are called within the tree. */
export function some(tree: FileTree, paths: readonly string[]): string {
  const names = paths.slice(0, 4).map((path) => tree.relative(path));
  return paths.length > 4 ? `${names.join(", ")} and ${paths.length - 4} more` : names.join(", ");
}
