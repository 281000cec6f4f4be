import { getLogger } from "@classifier-training/base";
import { openSplit } from "@classifier-training/vision";
import type { LabeledFile } from "../evaluation/predict-split.ts";

const log = getLogger("classifier.data");

/** The images of a split with their labels. @throws VisionError when the split is missing */
export function readLabeledFiles(root: string, split: string): LabeledFile[] {
  const dataset = openSplit(root, split);
  for (const notice of dataset.notices()) log.warning(`${split}: ${notice}`);
  return dataset.paths.map((path, i) => ({ path, label: dataset.classes[dataset.targets[i] as number] as string }));
}
