import { ImageFolder, JsonlDataset } from "@classifier-training/vision";
import type { LabelledPicture } from "../evaluation/evaluate.ts";
import { hasAnnotations } from "./annotations.ts";

/** The pictures of a split with their labels, by either way of annotating. @throws VisionError when the split is missing */
export function readLabelledPictures(root: string, split: string): LabelledPicture[] {
  const dataset = hasAnnotations(root) ? new JsonlDataset({ root, split }) : new ImageFolder({ root, split });
  return dataset.paths.map((path, i) => ({ path, label: dataset.classes[dataset.targets[i] as number] as string }));
}
