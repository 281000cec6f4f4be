import { basename, join } from "node:path";
import { parseOptions } from "@classifier-training/base";
import { filesBelow, filesIn, isImageName, mayBeImageName, subfolders } from "@classifier-training/image/files";
import { z } from "zod";
import { VisionError } from "../errors.ts";
import { asClassMap, type ClassToIdx, indexClasses } from "./classes.ts";
import { ImageDataset, type LeftOut } from "./dataset.ts";
import { LabelSets } from "./label-sets.ts";
import { taskChoices } from "./row-labels.ts";
import { decodeOptions } from "./source.ts";
import { emptySplit, splitFolder } from "./split-folder.ts";

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
    const names = subfolders(folder);
    const classes = classToIdx === undefined ? indexClasses(names) : asClassMap(classToIdx);
    const paths: string[] = [];
    const targets: number[] = [];
    const empty: string[] = [];
    const leftOut: LeftOut[] = filesIn(folder, isImageName).map((path) => ({
      reason: "in no class folder",
      path,
      label: "",
      where: path,
    }));
    for (const name of names) {
      const found = filesBelow(join(folder, name), (file) => isImageName(file) || mayBeImageName(file));
      const files = found.filter((path) => isImageName(basename(path)));
      const leave = (reason: LeftOut["reason"], left: readonly string[]) =>
        leftOut.push(...left.map((path) => ({ reason, path, label: name, where: path })));
      const other = found.filter((path) => !isImageName(basename(path)));
      leave("format not read", other);
      const target = classes.get(name);
      if (target === undefined) {
        leave("label unknown to train", files);
        continue;
      }
      if (files.length === 0) empty.push(name);
      for (const file of files) {
        paths.push(file);
        targets.push(target);
      }
    }
    if (paths.length === 0) {
      throw emptySplit(folder, "there are no class folders with images in it", "put images into one folder per class");
    }
    if (empty.length > 0 && !allowEmpty && classToIdx === undefined) {
      throw new VisionError({
        code: "vision/class-empty",
        what: `no images were found for the classes ${empty.join(", ")}`,
        where: folder,
        fix: "remove the empty folders, or set allow_empty",
      });
    }
    super({
      name: split ?? folder,
      source: { kind: "files", paths, decode },
      targets: Int32Array.from(targets),
      labelSets: task === "multilabel" ? LabelSets.from(targets.length, (i) => targets.slice(i, i + 1)) : undefined,
      classToIdx: classes,
      paths,
      leftOut,
    });
  }
}
