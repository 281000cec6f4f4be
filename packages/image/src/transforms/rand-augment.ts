import * as z from "@classifier-training/base/zod";
import { type AugmentSpace, applySteps, commonSpace, sampleMagnitude, sampleOp } from "./augment-ops.ts";
import { augmentFillOption, warpInterpolationOption, wholeBetween } from "./options.ts";
import { defineTransform } from "./transform.ts";

const space: AugmentSpace = {
  Identity: {},
  ...commonSpace,
};

/** RandAugment (Cubuk et al., 2020): `numOps` random operations, all of one magnitude. */
export const RandAugment = defineTransform({
  name: "RandAugment",
  options: z
    .strictObject({
      numOps: wholeBetween(0, 100, 2),
      magnitude: wholeBetween(0, 1000, 9),
      numMagnitudeBins: wholeBetween(2, 1001, 31),
      interpolation: warpInterpolationOption("nearest"),
      fill: augmentFillOption,
    })
    .superRefine(({ magnitude, numMagnitudeBins }, context) => {
      if (magnitude < numMagnitudeBins) return;
      const message = `is ${magnitude}, which must be less than numMagnitudeBins, ${numMagnitudeBins}`;
      context.addIssue({ code: "custom", path: ["magnitude"], message });
    }),
  sample: ({ numOps, magnitude, numMagnitudeBins }, rng, image) =>
    Array.from({ length: numOps }, () => {
      const [op, range] = sampleOp(space, rng);
      return { op, magnitude: sampleMagnitude(range, numMagnitudeBins, magnitude, image, rng) };
    }),
  apply: (image, steps, options) => applySteps(image, steps, options),
});
