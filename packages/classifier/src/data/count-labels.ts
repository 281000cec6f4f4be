import { isSyntheticFile, type SynthPlace } from "@classifier-training/jersey";
import { openSplit } from "@classifier-training/vision";

/** Training samples by class, without the synthetic ones at a place, which are about to be replaced. */
export function countTrainingLabels(root: string, without: SynthPlace): Map<string, number> {
  const dataset = openSplit(root, "train");
  const counts = new Map<string, number>(dataset.classes.map((name) => [name, 0]));
  for (const [i, path] of dataset.paths.entries()) {
    if (isSyntheticFile(without, path)) continue;
    const name = dataset.classes[dataset.targets[i] as number] as string;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
