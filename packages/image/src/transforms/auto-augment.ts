import * as z from "@classifier-training/base/zod";
import { type AugmentSpace, type AugmentStep, applySteps, commonSpace, sampleMagnitude } from "./augment-ops.ts";
import { policies } from "./auto-augment-policies.ts";
import { augmentFillOption, enumMember, warpInterpolationOption } from "./options.ts";
import { defineTransform } from "./transform.ts";

const space: AugmentSpace = {
  ...commonSpace,
  Invert: {},
};

/** A policy, also by its name in torchvision's `AutoAugmentPolicy`. */
export const autoAugmentPolicyOption = z.preprocess(
  (value) => enumMember(value, "AutoAugmentPolicy"),
  z.enum(["imagenet", "cifar10", "svhn"]),
);

/** AutoAugment (Cubuk et al., 2019): a random pair of operations from a learned policy. */
export const AutoAugment = defineTransform({
  name: "AutoAugment",
  options: z.strictObject({
    policy: autoAugmentPolicyOption.default("imagenet"),
    interpolation: warpInterpolationOption("nearest"),
    fill: augmentFillOption,
  }),
  sample({ policy }, rng, image): AugmentStep[] {
    const pairs = policies[policy];
    const pair = pairs[rng.integer(pairs.length)] ?? [];
    return pair.flatMap(([op, p, index]) => {
      if (rng.uniform() > p) return [];
      return [{ op, magnitude: sampleMagnitude(space[op] ?? {}, 10, index ?? 0, image, rng) }];
    });
  },
  apply: (image, steps, options) => applySteps(image, steps, options),
});
