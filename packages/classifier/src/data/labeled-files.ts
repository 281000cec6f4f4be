import { getLogger } from "@classifier-training/base";
import { type ByteImage, encodePng, openData, storedBytes } from "@classifier-training/vision";
import type { LabeledFile } from "../evaluation/predict-split.ts";

const log = getLogger("classifier.data");

/** The images of a split with their labels. @throws VisionError when the split is missing */
export async function readLabeledFiles(root: string, split: string): Promise<LabeledFile[]> {
  const dataset = await (await openData(root)).open(split);
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
    label: labelsOf(i).join(", "),
    ...(dataset.labelSets !== undefined && { labels: labelsOf(i) }),
    ...(read !== undefined && { read: () => read(i) }),
  }));
}
