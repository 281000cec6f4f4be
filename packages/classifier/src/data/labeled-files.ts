import { getLogger } from "@classifier-training/base";
import { openData } from "@classifier-training/vision";
import type { LabeledFile } from "../evaluation/predict-split.ts";

const log = getLogger("classifier.data");

/** The images of a split with their labels. @throws VisionError when the split is missing */
export async function readLabeledFiles(root: string, split: string): Promise<LabeledFile[]> {
  const dataset = await (await openData(root)).open(split);
  for (const notice of dataset.notices()) log.warning(`${split}: ${notice}`);
  return dataset.paths.map((path, i) => ({ path, label: dataset.classes[dataset.targets[i] as number] as string }));
}
