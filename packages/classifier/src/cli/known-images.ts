import { splitFolderNames } from "@classifier-training/base";
import type { Command } from "commander";
import type { KnownImage } from "../evaluation/label-suspects.ts";
import { progressLine } from "./progress.ts";

export interface KnownImageOptions {
  readonly model: string;
  readonly split: string;
}

/** Arguments of a command that looks at a dataset with what a trained network knows. */
export function withKnownImages(command: Command): Command {
  return command
    .argument("<path>", "the dataset: a folder, a list, an archive, shards")
    .requiredOption("--model <run>", "a run directory or a checkpoint: the network whose features are used")
    .option("--split <name>", "name of the split", splitFolderNames.train[0]);
}

/** Images per forward pass. */
const batchSize = 32;

/**
 * The labeled images of a split with the features that a trained network has of them.
 * @throws CtError where there is no such model or split, or an image has several labels
 */
export async function knownImages(root: string, { model, split }: KnownImageOptions): Promise<KnownImage[]> {
  const { readLabeledFiles } = await import("../data/labeled-files.ts");
  const { readingOptionsOf } = await import("../data/reading-options.ts");
  const { imageInput } = await import("../evaluation/predict-split.ts");
  const { openCheckpointClassifier } = await import("../inference/open-classifier.ts");
  const { recordedSplitsOf } = await import("../training/recorded-split.ts");
  const classifier = await openCheckpointClassifier(model);
  try {
    const images = await readLabeledFiles(
      root,
      split,
      { ...readingOptionsOf(), task: "multiclass" },
      recordedSplitsOf([model]),
    );
    const progress = progressLine("features");
    const known: KnownImage[] = [];
    for (let start = 0; start < images.length; start += batchSize) {
      const batch = images.slice(start, start + batchSize);
      const features = await classifier.features(await Promise.all(batch.map(imageInput)));
      for (const [i, { path, label }] of batch.entries())
        known.push({ path, label, features: features[i] as Float32Array });
      progress(known.length, images.length);
    }
    return known;
  } finally {
    await classifier.close();
  }
}
