import { plural, shortened } from "@classifier-training/base";
import type { ImageDataset } from "@classifier-training/vision";

/** A split in one line: how many samples and classes, and the smallest and the largest class. */
export function describeSplit(name: string, dataset: ImageDataset, synthetic: number): string {
  const added = synthetic === 0 ? "" : `, ${plural(synthetic, "synthetic sample")}`;
  const classes = plural(dataset.classToIdx.size, "class", "classes");
  return `${name}: ${plural(dataset.length, "sample")}${added}, ${classes}${spread(dataset)}${labelSets(dataset)}`;
}

/** The classes of a split without any image in it: their accuracy is not measured. */
export function missingClasses(dataset: ImageDataset): string[] {
  const counts = dataset.classCounts();
  return dataset.classes.filter((_, i) => counts[i] === 0);
}

function spread(dataset: ImageDataset): string {
  const counts = [...dataset.classCounts()];
  const present = counts.flatMap((count, i) => (count === 0 ? [] : [i])).sort((a, b) => counts[a]! - counts[b]!);
  const [smallest, largest] = [present[0], present.at(-1)];
  if (smallest === undefined || largest === undefined) return "";
  const of = (i: number) => `${counts[i]} (${shortened(dataset.classes[i] as string, 20)})`;
  return counts[smallest] === counts[largest] ? ` of ${counts[smallest]}` : ` of ${of(smallest)} to ${of(largest)}`;
}

/** What a multilabel dataset's line says beside its numbers. */
function labelSets({ labelSets: sets, length }: ImageDataset): string {
  if (sets === undefined) return "";
  const none = sets.first().filter((label) => label < 0).length;
  const perImage = (sets.classes.length / Math.max(1, length)).toFixed(1);
  return `; multilabel: ${perImage} labels per image${none === 0 ? "" : `, ${none} without any`} (data.task)`;
}
