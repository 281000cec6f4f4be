import { resolve, sep } from "node:path";
import { openSplit } from "./open-split.ts";

/** Training samples by class, without those below one folder (the synthetic ones that are about to be replaced). */
export async function countTrainingLabels(root: string, without: string): Promise<Map<string, number>> {
  const dataset = openSplit(root, "train");
  const excluded = resolve(without) + sep;
  const counts = new Map<string, number>(dataset.classes.map((name) => [name, 0]));
  for (const [i, path] of dataset.paths.entries()) {
    if (resolve(path).startsWith(excluded)) continue;
    const name = dataset.classes[dataset.targets[i] as number] as string;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
