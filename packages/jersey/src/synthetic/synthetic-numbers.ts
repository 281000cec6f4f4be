import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { cacheFolder, getLogger, parseOptions, plural, progressInLog, temporaryPath } from "@classifier-training/base";
import type { ImageDataset } from "@classifier-training/vision";
import { z } from "zod";
import { fillRareClasses, requireNumbers } from "./requests.ts";
import { rendererVersion, type SynthOptions, type SynthRequest, writeSynthetic } from "./write-synthetic.ts";

/** Below `data.synthetic`. */
export const syntheticNumbersOptionsSchema = z.strictObject({
  below: z.int().min(0).default(200).describe("classes with fewer training samples than this are filled"),
  upTo: z.int().min(0).default(200).describe("to this many samples in total"),
  atLeast: z.int().min(0).default(0).describe("synthetic images for every class, rare or not"),
  share: z
    .number()
    .gt(0)
    .lt(1)
    .nullish()
    .describe("fraction of synthetic images in an epoch, others in each epoch; without it every epoch has all of them"),
  size: z.int().min(16).default(72).describe("height of an image in pixels"),
  strength: z.number().min(0).max(1).default(0.8).describe("degradation by the broadcast"),
  seed: z.int().default(137),
});

const log = getLogger("classifier.synth");

/** Synthetic jersey numbers for the rare classes of a training set, kept in the user's cache. */
export class SyntheticNumbers {
  readonly options: z.infer<typeof syntheticNumbersOptionsSchema>;
  /** Fraction of an epoch's samples; undefined: every epoch has all of them. */
  readonly share: number | undefined;

  constructor(options: z.input<typeof syntheticNumbersOptionsSchema> = {}) {
    this.options = parseOptions("synthetic", syntheticNumbersOptionsSchema, options);
    this.share = this.options.share ?? undefined;
  }

  /**
   * Renders the images that the training set's rare classes lack, unless the cache has them.
   * @returns the folder with the images and their `annotations.jsonl`; undefined when no class is rare
   * @throws CtError when a class to be filled is not a number
   */
  async generate(train: ImageDataset): Promise<string | undefined> {
    const { below, upTo, atLeast, size, strength, seed } = this.options;
    const counts = train.classCounts();
    const requests = fillRareClasses(new Map(train.classes.map((name, i) => [name, counts[i] ?? 0])), {
      below,
      upTo,
      atLeast,
    });
    requireNumbers(requests, train.name);
    if (requests.length === 0) return undefined;
    return renderOnce(requests, {
      seed,
      stream: "synth",
      size,
      strength,
      onProgress: progressInLog(
        log,
        (done, total) => `rendering synthetic numbers: ${done} of ${plural(total, "image")}`,
      ),
    });
  }
}

/**
 * Renders into a folder of the user's cache that the same requests and options find again. The folder is complete or
 * absent, also when several processes render at once. @returns the folder
 */
async function renderOnce(requests: readonly SynthRequest[], options: Omit<SynthOptions, "folder">): Promise<string> {
  const { onProgress: _, ...rendering } = options;
  const key = createHash("sha256")
    .update(JSON.stringify([rendererVersion, requests, rendering]))
    .digest("hex")
    .slice(0, 16);
  const folder = join(cacheFolder("synthetic"), key);
  if (existsSync(folder)) return folder;
  const unfinished = temporaryPath(folder);
  mkdirSync(dirname(folder), { recursive: true });
  try {
    await writeSynthetic(requests, { ...options, folder: unfinished });
    if (!existsSync(folder)) renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}
