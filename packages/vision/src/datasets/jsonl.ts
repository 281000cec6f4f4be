import { parseOptions } from "@classifier-training/base";
import { z } from "zod";
import { ImageDataset } from "./dataset.ts";
import { rowOptions } from "./labeled-rows.ts";
import { labeledRows, readTextListing } from "./listing.ts";
import { annotatedImages } from "./open/annotated.ts";
import { FolderTree, nameOf } from "./open/file-tree.ts";
import { decodeOptions } from "./source.ts";
import { emptySplit, splitFolder } from "./split-folder.ts";

export const jsonlOptionsSchema = z.strictObject({
  /** Folder that holds the splits. */
  root: z.string(),
  /** Folder below it that is read; the root itself when absent. */
  split: z.string().optional(),
  ...rowOptions,
  ...decodeOptions,
});

/**
 * Images listed in JSON lines: every `*.jsonl` below the split's folder, with rows
 * `{"image": "CLASS/FILE", "prefix": ..., "suffix": LABEL, "metadata": ...}`. Image paths are relative to their
 * annotations file (or to the split's folder), or absolute. Rows without a label are left out, as are labels unknown to
 * `classToIdx` and image files that no row names; `leftOut` lists them.
 * @throws VisionError if the root or split is missing or empty, a line is not JSON or lacks a field (file and line are
 * named), or an image does not exist.
 */
export class JsonlDataset extends ImageDataset {
  constructor(options: z.input<typeof jsonlOptionsSchema>) {
    const { root, split, ...others } = parseOptions("JsonlDataset", jsonlOptionsSchema, options);
    const folder = splitFolder(root, split);
    const tree = new FolderTree(folder);
    const files = tree.files().filter((path) => nameOf(path).endsWith(".jsonl"));
    if (files.length === 0) {
      throw emptySplit(
        folder,
        "there is no *.jsonl file in it",
        "add annotations.jsonl, or read the folder as an ImageFolder",
      );
    }
    const rows = files.flatMap((file) => labeledRows(tree, readTextListing(tree, file), {}));
    super(annotatedImages(tree, rows, { name: split ?? folder, from: folder, countUnnamed: true, ...others }));
  }
}
