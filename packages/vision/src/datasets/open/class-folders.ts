import { comparePython, plural } from "@classifier-training/base";
import { isImageName, mayBeImageName } from "@classifier-training/image/files";
import { VisionError } from "../../errors.ts";
import { asClassMap, type ClassToIdx, classFinder, indexClasses, similarNames } from "../classes.ts";
import type { ImageDatasetInit, LeftOut } from "../dataset.ts";
import { LabelSets } from "../label-sets.ts";
import type { TaskChoice } from "../row-labels.ts";
import { emptySplit } from "../split-folder.ts";
import { type FileTree, nameOf } from "./file-tree.ts";
import type { ClassFolder, DecodeChoices } from "./options.ts";

export interface ClassFolderOptions {
  readonly name: string;
  /** The classes of the training split. Folders with other names are left out and their images counted. */
  readonly classToIdx?: ClassToIdx | undefined;
  /** Whether a class folder may hold no images; with `skip` it is not a class then. */
  readonly allowEmpty: boolean | "skip";
  readonly classFolder?: ClassFolder;
  /** `multilabel`: each image's labels are a set of one. */
  readonly task?: TaskChoice | undefined;
  readonly decode: DecodeChoices;
}

/** How the remark on class folders begins that are not classes. */
export const withoutImages = "left out, because there are no images in it: ";

interface LabeledPath {
  readonly path: string;
  readonly label: string;
}

/**
 * Images in one folder per class; classes are sorted as Python sorts, and images are found recursively by their extensions.
 * @throws VisionError if there are no images, or a class folder is empty
 */
export function classFolders(tree: FileTree, options: ClassFolderOptions): ImageDatasetInit {
  const { name, classToIdx, allowEmpty, classFolder = "top", task, decode } = options;
  const images: LabeledPath[] = [];
  const others: LabeledPath[] = [];
  let empty: string[] = [];
  // Read at once: the class folders' own files are parts of it.
  tree.files();
  const outside = tree.filesIn().filter((path) => isImageName(nameOf(path)));
  const folders = tree.folders();
  for (const folder of folders) {
    const paths = tree.folder(folder).files();
    let found = 0;
    for (const path of paths) {
      const file = nameOf(path);
      const label = classFolder === "top" ? folder : nameOf(path.slice(0, -file.length - 1));
      if (isImageName(file)) found = images.push({ path, label });
      else if (mayBeImageName(file)) others.push({ path, label });
    }
    if (found === 0) empty.push(folder);
  }
  if (images.length === 0) {
    throw emptySplit(tree.root, "there are no class folders with images in it", "put images into one folder per class");
  }
  const remarks: string[] = [];
  if (allowEmpty === "skip" && empty.length > 0) {
    remarks.push(`${withoutImages}${empty.join(", ")}`);
  }
  const isSkipped = new Set(allowEmpty === "skip" ? empty : []);
  const labels = classFolder === "top" ? folders.filter((folder) => !isSkipped.has(folder)) : labelsOf(images);
  const classes = classToIdx === undefined ? indexClasses(labels) : asClassMap(classToIdx);
  if (classFolder === "leaf") empty = [];
  if (empty.length > 0 && allowEmpty === false && classToIdx === undefined) throw emptyClasses(tree, empty);
  const find = classFinder(classes);
  const leave = (reason: LeftOut["reason"], { path, label }: LabeledPath): LeftOut => ({
    reason,
    path,
    label,
    where: path,
  });
  const known = images.filter(({ label }) => find(label) !== undefined);
  const unknown = images.filter(({ label }) => find(label) === undefined);
  const targets = Int32Array.from(known, ({ label }) => find(label) as number);
  const paths = known.map(({ path }) => path);
  const hint = classFolder === "top" ? leafHint(tree, folders) : undefined;
  return {
    name,
    source: tree.images(paths, decode),
    targets,
    labelSets: task === "multilabel" ? LabelSets.from(targets.length, (i) => targets.slice(i, i + 1)) : undefined,
    classToIdx: classes,
    paths,
    leftOut: [
      ...outside.map((path) => leave("in no class folder", { path, label: "" })),
      ...others.map((file) => leave("format not read", file)),
      ...unknown.map((file) => leave("label unknown to train", file)),
    ],
    remarks: [
      ...remarks,
      ...(classToIdx === undefined ? similarNames(labels) : []),
      ...(hint === undefined ? [] : [hint]),
    ],
  };
}

function labelsOf(images: readonly LabeledPath[]): string[] {
  return [...new Set(images.map(({ label }) => label))].sort(comparePython);
}

function emptyClasses(tree: FileTree, empty: readonly string[]): VisionError {
  return new VisionError({
    code: "vision/class-empty",
    what: `no images were found for the classes ${empty.join(", ")}`,
    where: tree.root,
    fix: "remove the empty folders, or set allow_empty",
  });
}

/** Says it where the folders below the classes look like classes themselves: each top folder has several, all of other names. */
function leafHint(tree: FileTree, folders: readonly string[]): string | undefined {
  const names = new Set<string>();
  let count = 0;
  for (const folder of folders) {
    const inner = tree.folder(folder);
    const leaves = inner.folders();
    if (leaves.length < 2 || inner.filesIn().some((path) => isImageName(nameOf(path)))) return undefined;
    for (const leaf of leaves) names.add(leaf);
    count += leaves.length;
  }
  if (folders.length === 0 || names.size < count) return undefined;
  const examples = [...names].slice(0, 3).join(", ");
  return `the classes are the ${plural(folders.length, "folder")} of the root; the ${count} folders in them (${examples}, ...) become the classes with data.class_folder=leaf`;
}
