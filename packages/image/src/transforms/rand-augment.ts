import { z } from "zod";
import {
  type AugmentSpace,
  applySteps,
  bitsDownFrom,
  linspace,
  sampleMagnitude,
  sampleOp,
  signedUpTo,
  thresholds,
} from "./augment-ops.ts";
import { augmentFillOption, warpInterpolationOption, wholeBetween } from "./options.ts";
import { defineTransform } from "./transform.ts";

const space: AugmentSpace = {
  Identity: {},
  ShearX: signedUpTo(0.3),
  ShearY: signedUpTo(0.3),
  TranslateX: { magnitudes: (bins, { width }) => linspace(0, (150 / 331) * width, bins), signed: true },
  TranslateY: { magnitudes: (bins, { height }) => linspace(0, (150 / 331) * height, bins), signed: true },
  Rotate: signedUpTo(30),
  Brightness: signedUpTo(0.9),
  Color: signedUpTo(0.9),
  Contrast: signedUpTo(0.9),
  Sharpness: signedUpTo(0.9),
  Posterize: bitsDownFrom(8, 4),
  Solarize: thresholds,
  AutoContrast: {},
  Equalize: {},
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
