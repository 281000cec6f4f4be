import { join } from "node:path";
import { nearestName } from "@classifier-training/base";
import { isFolder, subfolders } from "@classifier-training/image/files";
import { VisionError } from "../errors.ts";

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
