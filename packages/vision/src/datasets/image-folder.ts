import { parseOptions } from "@classifier-training/base";
import { z } from "zod";
import type { ClassToIdx } from "./classes.ts";
import { ImageDataset } from "./dataset.ts";
import { classFolders } from "./open/class-folders.ts";
import { FolderTree } from "./open/file-tree.ts";
import { taskChoices } from "./row-labels.ts";
import { decodeOptions } from "./source.ts";
import { splitFolder } from "./split-folder.ts";

export const imageFolderOptionsSchema = z.strictObject({
  /** Folder that holds the class folders, or the splits when `split` is given. */
  root: z.string(),
  split: z.string().optional(),
  /** The classes of the training split. Folders with other names are skipped and their images counted. */
  classToIdx: z.custom<ClassToIdx>((value) => typeof value === "object" && value !== null).optional(),
  /** Whether a class folder may hold no images. */
  allowEmpty: z.boolean().default(false),
  /** `multilabel`: each image's labels are a set of one. */
  task: z.enum(taskChoices).default("auto"),
  ...decodeOptions,
});

/**
 * Images in one folder per class, as torchvision's ImageFolder: classes are the folder names, sorted as Python sorts,
 * and images are found recursively by their extensions.
 * @throws VisionError if the root or split is missing, holds no images, or a class folder is empty.
 */
export class ImageFolder extends ImageDataset {
  constructor(options: z.input<typeof imageFolderOptionsSchema>) {
    const { root, split, classToIdx, allowEmpty, task, ...decode } = parseOptions(
      "ImageFolder",
      imageFolderOptionsSchema,
      options,
    );
    const folder = splitFolder(root, split);
    super(classFolders(new FolderTree(folder), { name: split ?? folder, classToIdx, allowEmpty, task, decode }));
  }
}
