import { setLogSinks } from "@classifier-training/base";
import type { ImageDataset } from "@classifier-training/vision";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ClassificationDataModule } from "../data/classification-datamodule.ts";
import { sampledClassCounts } from "../data/train-sampler.ts";
import { createClassificationModel } from "../model/build.ts";
import type { ClassificationModel } from "../model/classification-model.ts";
import { giveClassPrior, warnOfOtherNormalization } from "./model-data.ts";

const said: string[] = [];
let restore = () => {};
beforeEach(() => {
  said.length = 0;
  restore = setLogSinks([({ message }) => void said.push(message)]);
});
afterEach(() => restore());

const counts = [30, 10, 0];
const train = { classes: ["a", "b", "c"], length: 40, classCounts: () => Int32Array.from(counts) } as ImageDataset;

test.each([
  ["disabled", null, [30, 10, 1], 0],
  ["auto", null, [40 / 3, 40 / 3, 1], 1],
  ["manual", { a: 2, b: 6 }, [60, 60, 1], 1],
  ["manual", { b: 2 }, [30, 20, 1], 0],
] as const)(
  "logit adjustment goes by what a sampler samples: %s %o",
  async (mode, classWeights, expected, warnings) => {
    const model = await createClassificationModel("resnet18", {
      ...{ numClasses: 3, width: 1, stem: "small", pretrained: false, logitAdjustment: 0.5 },
    });
    const sampler = { mode, classWeights, numSamples: null, replacement: true };
    giveClassPrior(model, {
      sampledClassCounts: () => sampledClassCounts(train, { sampler }),
      classCounts: () => counts,
    } as unknown as ClassificationDataModule);
    const total = expected.reduce((a, b) => a + b);
    const prior = Array.from((model.class_log_prior?.toTypedArray() ?? []) as ArrayLike<number>);
    expect(prior).toEqual(expected.map((count) => expect.closeTo(Math.log(count / total), 4)));
    expect(said.filter((line) => line.includes("changes nothing"))).toHaveLength(warnings);
  },
);

test.each([
  ["vit_tiny_patch16_224", true, [0.485, 0.456, 0.406], true],
  ["vit_tiny_patch16_224", true, [0.5, 0.5, 0.5], false],
  ["resnet50", "IMAGENET1K_V1", [0.485, 0.456, 0.406], false],
  ["resnet50", true, [0.5, 0.5, 0.5], true],
  ["resnet50", false, [0.5, 0.5, 0.5], false],
  ["a custom network", true, [0.5, 0.5, 0.5], false],
] as const)("weights of %s (%s) and images of mean %o: warned %s", (network, pretrained, mean, warned) => {
  const std = mean[0] === 0.5 ? [0.5, 0.5, 0.5] : [0.229, 0.224, 0.225];
  warnOfOtherNormalization(
    { network, options: { pretrained, weights: null } } as unknown as ClassificationModel,
    { normalization: () => ({ mean, std }) } as unknown as ClassificationDataModule,
  );
  expect(said.join()).toMatch(warned ? /expect images with mean .* the transforms normalize with/ : /^$/);
});
