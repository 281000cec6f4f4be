import { type Dirent, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { nearestName } from "@classifier-training/base";
import { VisionError } from "../errors.ts";
import { comparePython } from "./classes.ts";

/** Extensions that torchvision counts as images. Files are decoded by their content, whatever they are called. */
export const imageExtensions = [".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"] as const;

export function isImageName(name: string): boolean {
  const lower = name.toLowerCase();
  return imageExtensions.some((extension) => lower.endsWith(extension));
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Folder names inside a folder, sorted as Python sorts. */
export function subfolders(path: string): string[] {
  return entriesOf(path)
    .filter((entry) => entry.isDirectory() || (entry.isSymbolicLink() && isFolder(join(path, entry.name))))
    .map(({ name }) => name)
    .sort(comparePython);
}

/** Paths of all files below a folder for which `wanted` holds, in a fixed order. */
export function filesBelow(path: string, wanted: (name: string) => boolean): string[] {
  const found: string[] = [];
  for (const entry of entriesOf(path)) {
    const full = join(path, entry.name);
    const linked = entry.isSymbolicLink() ? statSync(full, { throwIfNoEntry: false }) : entry;
    if (linked?.isDirectory()) found.push(...filesBelow(full, wanted));
    else if (linked?.isFile() && wanted(entry.name)) found.push(full);
  }
  return found;
}

function entriesOf(path: string): Dirent[] {
  return readdirSync(path, { withFileTypes: true }).sort((a, b) => comparePython(a.name, b.name));
}

/** The folder of a split. @throws VisionError if the data root or the split is missing, naming what is there. */
export function splitFolder(root: string, split: string | undefined): string {
  if (!isFolder(root)) {
    throw new VisionError({
      code: "vision/data-root-missing",
      what: `the data root ${root} does not exist`,
      fix: "set data.data_root to the folder that holds the splits (train, valid, test)",
    });
  }
  if (split === undefined) return root;
  const folder = join(root, split);
  if (isFolder(folder)) return folder;
  const present = subfolders(root);
  const near = nearestName(split, present);
  throw new VisionError({
    code: "vision/split-missing",
    what: `the data root ${root} has no split '${split}'`,
    where: present.length === 0 ? "the folder is empty" : `folders there: ${present.slice(0, 20).join(", ")}`,
    fix: near === undefined ? `create ${folder}` : `did you mean '${near}'?`,
  });
}

/** @throws VisionError `vision/split-empty` */
export function emptySplit(folder: string, why: string, fix: string): VisionError {
  return new VisionError({ code: "vision/split-empty", what: `${folder} holds no samples: ${why}`, fix });
}
