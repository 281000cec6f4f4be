import { getLogger } from "@classifier-training/base";
import { joinLabels } from "@classifier-training/runs";
import { type ByteImage, encodePng, openData, storedBytes, type TaskChoice } from "@classifier-training/vision";
import type { LabeledFile } from "../evaluation/predict-split.ts";

const log = getLogger("classifier.data");

/**
 * The images of a split with their labels.
 * @param task of the model that they are for
 * @throws VisionError when the split is missing, or has several labels for an image where the task allows one
 */
export async function readLabeledFiles(root: string, split: string, task: TaskChoice = "auto"): Promise<LabeledFile[]> {
  const dataset = await (await openData(root)).open(split, { task });
  for (const notice of dataset.notices()) log.warning(`${split}: ${notice}`);
  const { paths, classes, source } = dataset;
  const readers = {
    files: undefined,
    shards: async (i: number) => storedBytes(source, i),
    others: async (i: number) => encodePng((await dataset.get(i)).image as ByteImage),
  };
  const read = readers[source.kind === "files" || source.kind === "shards" ? source.kind : "others"];
  const labelsOf = (i: number) => Array.from(dataset.labelsOf(i), (index) => classes[index] as string);
  return paths.map((path, i) => ({
    path,
    label: dataset.labelSets === undefined ? (labelsOf(i)[0] as string) : joinLabels(labelsOf(i)),
    ...(dataset.labelSets !== undefined && { labels: labelsOf(i) }),
    ...(read !== undefined && { read: () => read(i) }),
  }));
}
