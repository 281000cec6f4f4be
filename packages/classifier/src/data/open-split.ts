import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { type ImageDataset, ImageFolder, JsonlDataset, openHfImageFolder } from "@classifier-training/vision";

/**
 * Opens a split, whichever way its pictures are labelled: `*.jsonl` annotations, Hugging Face's `metadata.jsonl` or
 * `metadata.csv`, or one folder a class. @throws VisionError when the root, the split or its samples are missing
 */
export function openSplit(root: string, split: string, classToIdx?: ReadonlyMap<string, number>): ImageDataset {
  const options = { root, split, ...(classToIdx !== undefined && { classToIdx }) };
  const names = filesOf(join(root, split));
  if (names.some((name) => name === "metadata.jsonl" || name === "metadata.csv")) return openHfImageFolder(options);
  return names.some((name) => name.endsWith(".jsonl")) ? new JsonlDataset(options) : new ImageFolder(options);
}

function filesOf(folder: string): string[] {
  try {
    return (readdirSync(folder, { recursive: true }) as string[]).map((path) => basename(path));
  } catch {
    // The data set's own check says what is missing.
    return [];
  }
}
