import { createHash } from "node:crypto";
import { CtError, readRegularFile, splits, writeFileAtomic } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";

const sampleSchema = z.object({
  path: z.string().describe("relative to the data path"),
  content: z.string().describe("content hash of its file: the first 32 digits of its SHA-256"),
  split: z.enum(splits),
  fold: z.int().min(0).optional().describe("the fold that validates it; undefined where none does"),
});

/** `split.json`: how the images of a run were split. */
const splitRecordSchema = z.object({
  formatVersion: z.literal(1).default(1),
  digest: z.string().describe("equal for equal content on equal sides, whatever the names"),
  by: z.looseObject({
    valFraction: z.number(),
    testFraction: z.number(),
    valFrom: z.literal("train").optional().describe("validation images are training images; its own validate nothing"),
    folds: z.object({ count: z.int(), fold: z.int() }).optional(),
    seed: z.number(),
    group: z.string().optional(),
    nearDuplicates: z.union([z.boolean(), z.literal("auto")]).optional(),
  }),
  samples: z.array(sampleSchema),
});

export type SplitRecord = z.infer<typeof splitRecordSchema>;
type SplitSample = SplitRecord["samples"][number];

/** A hash of the content on each side. */
export function splitDigest(samples: readonly SplitSample[]): string {
  const hash = createHash("sha256");
  for (const line of samples.map(({ content, split }) => `${content} ${split}\n`).sort()) hash.update(line);
  return hash.digest("hex").slice(0, 16);
}

/** Writes the record with one line a sample. */
export function writeSplitRecord(path: string, { samples, ...others }: SplitRecord): void {
  const head = JSON.stringify(others, null, 2).slice(0, -2);
  const lines = samples.map((sample) => `    ${JSON.stringify(sample)}`);
  writeFileAtomic(path, `${head},\n  "samples": [\n${lines.join(",\n")}\n  ]\n}\n`);
}

/** @throws CtError for a file that is not the record of a split */
export function readSplitRecord(path: string): SplitRecord {
  try {
    return splitRecordSchema.parse(JSON.parse(readRegularFile(path, 2 ** 30).toString("utf8")));
  } catch (cause) {
    if (CtError.is(cause)) throw cause;
    throw new CtError({
      code: "runs/split",
      what: `expected the record of a split, received another file or a damaged one: ${(cause as Error).message.split("\n")[0]}`,
      where: path,
      fix: "remove it: the images are split anew",
      cause,
    });
  }
}
