import * as z from "@classifier-training/base/zod";
import {
  type AugmentSpace,
  applySteps,
  bitsDownFrom,
  sampleMagnitude,
  sampleOp,
  signedUpTo,
  thresholds,
} from "./augment-ops.ts";
import { augmentFillOption, warpInterpolationOption, wholeBetween } from "./options.ts";
import { defineTransform } from "./transform.ts";

const space: AugmentSpace = {
  Identity: {},
  ShearX: signedUpTo(0.99),
  ShearY: signedUpTo(0.99),
  TranslateX: signedUpTo(32),
  TranslateY: signedUpTo(32),
  Rotate: signedUpTo(135),
  Brightness: signedUpTo(0.99),
  Color: signedUpTo(0.99),
  Contrast: signedUpTo(0.99),
  Sharpness: signedUpTo(0.99),
  Posterize: bitsDownFrom(8, 6),
  Solarize: thresholds,
  AutoContrast: {},
  Equalize: {},
};

/** TrivialAugment (Müller and Hutter, 2021): one random operation of a random magnitude. */
export const TrivialAugmentWide = defineTransform({
  name: "TrivialAugmentWide",
  options: z.strictObject({
    numMagnitudeBins: wholeBetween(2, 1001, 31),
    interpolation: warpInterpolationOption("nearest"),
    fill: augmentFillOption,
  }),
  sample({ numMagnitudeBins }, rng, image) {
    const [op, range] = sampleOp(space, rng);
    return [{ op, magnitude: sampleMagnitude(range, numMagnitudeBins, rng.integer(numMagnitudeBins), image, rng) }];
  },
  apply: (image, steps, options) => applySteps(image, steps, options),
});
