import { getLogger, progressInLog, type Split } from "@classifier-training/base";
import { type SplitRecord, splitDigest } from "@classifier-training/runs";
import { type MadeSplit, pathWithin, type SplitChoices } from "@classifier-training/vision";
import { z } from "zod";

/** Options of a data module that say which splits are made of the training images. */
export const splitOptions = {
  valFraction: z
    .union([z.number().min(0).lt(1), z.literal("auto")])
    .nullish()
    .describe("fraction of the training images that is split off for validation; auto: 0.2 of data without valid/"),
  testFraction: z.number().min(0).lt(1).nullish().describe("fraction that is split off for testing"),
  valFrom: z
    .enum(["data", "train"])
    .nullish()
    .describe(
      "what validates: the data's own validation split where it has one (data), or always a part of the training images (train): its own is the test split then",
    ),
  folds: z.int().min(2).nullish().describe("number of folds of the training images (cross-validation)"),
  fold: z.int().min(0).nullish().describe("the fold that is validated on, from 0; the others are trained on"),
  group: z
    .string()
    .min(1)
    .nullish()
    .describe("what is never split: a column of the metadata (player, patient), or a regular expression on paths"),
  nearDuplicates: z
    .union([z.boolean(), z.literal("auto")])
    .nullish()
    .describe("whether nearly equal images stay on one side; by default (auto) of at most 50,000 images"),
  splitSeed: z.int().nullish().describe("another seed is another split; data.seed has no influence on it"),
};

const splitOptionsSchema = z.object(splitOptions);

const log = getLogger("classifier.data");

/** @param recorded the split that a run has recorded */
export function splitChoicesOf(
  options: Partial<z.infer<typeof splitOptionsSchema>>,
  recorded?: SplitRecord | undefined,
): SplitChoices {
  const { valFraction, testFraction, folds, fold, group, nearDuplicates, splitSeed } = options;
  const valFrom = options.valFrom ?? recorded?.by.valFrom;
  return {
    valFraction: valFraction ?? undefined,
    testFraction: testFraction ?? undefined,
    valFrom: valFrom === "train" ? valFrom : undefined,
    folds: folds ?? undefined,
    fold: fold ?? undefined,
    group: group ?? undefined,
    nearDuplicates: nearDuplicates ?? "auto",
    seed: splitSeed ?? 0,
    recorded: recorded && sidesOf(recorded),
    onProgress: progressInLog(log, (done, total) => `reading the images to split them: ${done} of ${total}`),
  };
}

/** What a run keeps of a split. @param root the data path */
export function splitRecordOf({ by, paths, hashes, sides, foldOf }: MadeSplit, root: string): SplitRecord {
  const samples = paths.flatMap((path, i) => {
    const split = sides[i];
    const fold = foldOf?.[i] ?? -1;
    if (split === undefined) return [];
    return [{ path: pathWithin(root, path), content: hashes[i] as string, split, ...(fold >= 0 && { fold }) }];
  });
  return { formatVersion: 1, digest: splitDigest(samples), by: { ...by }, samples };
}

/** By content hash, which those have whose file could be read. */
function sidesOf({ samples }: SplitRecord): Map<string, Split> {
  const hashed = samples.filter(({ content }) => /^[0-9a-f]{32}$/.test(content));
  return new Map(hashed.map(({ content, split }) => [content, split]));
}
