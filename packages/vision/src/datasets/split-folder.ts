import { join } from "node:path";
import { didYouMean, nearestName, splitFolderNames, splitOf } from "@classifier-training/base";
import { isFolder, subfolders } from "@classifier-training/image/files";
import { VisionError } from "../errors.ts";

/** The folder of a split: of its name, or of another one that the split has (`valid`, `val`, `validation`, `dev`). */
function findSplitFolder(root: string, split: string): string | undefined {
  const known = splitOf(split);
  const names = known === undefined ? [split] : [split, ...splitFolderNames[known]];
  return names.map((name) => join(root, name)).find((folder) => isFolder(folder));
}

/** The folder of a split, as `findSplitFolder` finds it. @throws VisionError if the data root or the split is missing, naming what is there. */
export function splitFolder(root: string, split: string | undefined): string {
  if (!isFolder(root)) {
    throw new VisionError({
      code: "vision/data-root-missing",
      what: `the data root ${root} does not exist`,
      fix: "set data.data_root to the folder that holds the splits (train, valid, test)",
    });
  }
  if (split === undefined) return root;
  const folder = findSplitFolder(root, split);
  if (folder !== undefined) return folder;
  const present = subfolders(root);
  throw new VisionError({
    code: "vision/split-missing",
    what: `the data root ${root} has no split '${split}'`,
    where: present.length === 0 ? "the folder is empty" : `folders there: ${present.slice(0, 20).join(", ")}`,
    fix: didYouMean(nearestName(split, present)) ?? `create ${join(root, split)}`,
  });
}

/** @throws VisionError `vision/split-empty` */
export function emptySplit(folder: string, why: string, fix: string): VisionError {
  return new VisionError({ code: "vision/split-empty", what: `${folder} holds no samples: ${why}`, fix });
}
