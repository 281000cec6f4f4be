import { CtError, parseOptions } from "@classifier-training/base";
import { classSampler, type ImageDataset, RotatingSampler, type Sampler } from "@classifier-training/vision";
import { type ImageFolderDataModuleOptions, samplerOptionsSchema } from "./options.ts";

type SamplerChoices = Pick<ImageFolderDataModuleOptions, "sampler" | "synthetic" | "seed">;

/**
 * Which training images an epoch samples.
 * @param synthetic how many synthetic images stand at the end of the dataset
 * @throws CtError for options that contradict each other, or lack something
 */
export function trainSampler(train: ImageDataset, synthetic: number, options: SamplerChoices): Sampler {
  return mixingSampler(train, synthetic, options) ?? weightingSampler(train, options);
}

/** How often an epoch samples each class, in proportion: the prior that a model learns from it. */
export function sampledClassCounts(train: ImageDataset, { sampler }: Pick<SamplerChoices, "sampler">): number[] {
  const counts = [...train.classCounts()];
  const { mode = "disabled", classWeights } = sampler ?? {};
  if (mode === "auto") return counts.map((count) => (count === 0 ? 0 : train.length / counts.length));
  const weights = train.classes.map((name) => (mode === "manual" ? (classWeights?.[name] ?? 1) : 1));
  const smallest = Math.min(...weights.filter((weight) => weight > 0));
  return counts.map((count, k) => (count * (weights[k] as number)) / smallest);
}

/** Synthetic images in turn, so many that they are the wanted part of an epoch; undefined where all are in each. */
function mixingSampler(train: ImageDataset, count: number, options: SamplerChoices): Sampler | undefined {
  const { sampler, synthetic, seed } = options;
  if (synthetic?.share == null || count === 0) return undefined;
  if (sampler != null && sampler.mode !== "disabled") {
    throw new CtError({
      code: "data/sampler",
      what: `sampler.mode is ${sampler.mode}, and synthetic.share is set: both decide which images an epoch samples`,
      where: "data.synthetic.share",
      fix: "set data.sampler.mode=disabled, or leave out data.synthetic.share",
    });
  }
  const real = train.length - count;
  const perEpoch = Math.round((real * synthetic.share) / (1 - synthetic.share));
  return new RotatingSampler(real, count, perEpoch, { seed });
}

function weightingSampler(train: ImageDataset, { sampler, seed }: SamplerChoices): Sampler {
  const { mode, classWeights, numSamples, replacement } = parseOptions("sampler", samplerOptionsSchema, sampler ?? {});
  if (mode === "manual" && classWeights === null) {
    throw new CtError({
      code: "data/sampler",
      what: "sampler.mode is manual, but its classWeights are not set",
      where: "data.sampler",
      fix: `give weights by class name (a class that is left out has 1): ${train.classes.slice(0, 12).join(", ")}${train.classes.length > 12 ? ", ..." : ""}`,
    });
  }
  // A class that is not named keeps the weight 1.
  const weights = { ...Object.fromEntries(train.classes.map((name) => [name, 1])), ...classWeights };
  return classSampler(train, { mode, classWeights: weights, numSamples, replacement, seed });
}
