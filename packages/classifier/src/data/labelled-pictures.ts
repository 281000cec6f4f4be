import { getLogger } from "@classifier-training/base";
import { openSplit } from "@classifier-training/vision";
import type { LabelledPicture } from "../evaluation/evaluate.ts";

const log = getLogger("classifier.data");

/** The pictures of a split with their labels. @throws VisionError when the split is missing */
export function readLabelledPictures(root: string, split: string): LabelledPicture[] {
  const dataset = openSplit(root, split);
  for (const notice of dataset.notices()) log.warning(`${split}: ${notice}`);
  return dataset.paths.map((path, i) => ({ path, label: dataset.classes[dataset.targets[i] as number] as string }));
}
