import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { VisionError } from "../../errors.ts";
import { filesBelow, isFolder, isImageName, splitFolder, subfolders } from "../folders.ts";
import { readAnnotations } from "../jsonl.ts";

/** An image as the annotations (or its folder) describe it. */
export interface ListedImage {
  readonly split: string;
  readonly path: string;
  /** Empty when it has none. */
  readonly label: string;
  /** Where the label is written. */
  readonly where: string;
}

export interface Inventory {
  readonly images: readonly ListedImage[];
  /** Rows whose file does not exist. */
  readonly missing: readonly ListedImage[];
  /** Image files that no annotation mentions. */
  readonly unlisted: readonly { split: string; path: string }[];
  readonly splits: readonly string[];
}

const usualSplits = ["train", "valid", "val", "validation", "test"];

/** Lists the images of every split of a data root, by its annotations or its class folders. */
export function takeInventory(root: string): Inventory {
  splitFolder(root, undefined);
  const folders = subfolders(root);
  let splits = folders.filter((name) => usualSplits.includes(name));
  if (splits.length === 0)
    splits = folders.filter((name) => filesBelow(join(root, name), (f) => f.endsWith(".jsonl")).length > 0);
  if (splits.length === 0 && folders.length > 0) splits = ["."];
  if (splits.length === 0) {
    throw new VisionError({
      code: "vision/split-missing",
      what: `${root} holds neither splits nor class folders`,
      fix: "a data root has train/ and valid/, each with annotations.jsonl or with one folder per class",
    });
  }
  splits.sort((a, b) => usualSplits.indexOf(a) - usualSplits.indexOf(b));
  const parts = splits.map((split) => inventoryOf(split, join(root, split)));
  return {
    images: parts.flatMap(({ images }) => images),
    missing: parts.flatMap(({ missing }) => missing),
    unlisted: parts.flatMap(({ unlisted }) => unlisted),
    splits,
  };
}

function inventoryOf(split: string, folder: string): Omit<Inventory, "splits"> {
  const files = filesBelow(folder, isImageName);
  const lists = isFolder(folder) ? filesBelow(folder, (name) => name.endsWith(".jsonl")) : [];
  if (lists.length === 0) {
    const images = files.map((path) => ({ split, path, label: basename(dirname(path)), where: path }));
    return { images, missing: [], unlisted: [] };
  }
  const rows = lists.flatMap((list) => readAnnotations(list, folder));
  const listed = rows.map(({ image, suffix, where }): ListedImage => ({ split, path: image, label: suffix, where }));
  const mentioned = new Set(listed.map(({ path }) => path));
  return {
    images: listed.filter(({ path }) => existsSync(path)),
    missing: listed.filter(({ path }) => !existsSync(path)),
    unlisted: files.filter((path) => !mentioned.has(path)).map((path) => ({ split, path })),
  };
}
