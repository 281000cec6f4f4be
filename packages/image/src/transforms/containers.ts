import * as z from "@classifier-training/base/zod";
import { probability } from "./options.ts";
import { defineContainer, runAll, transformOption } from "./transform.ts";

/** Runs transforms one after the other. */
export const Compose = defineContainer({
  name: "Compose",
  options: z.strictObject({ transforms: z.array(transformOption) }),
  run: (image, { transforms }, context) => runAll(transforms, image, context),
});

/** Runs the whole list with probability `p`: one random number decides for all. */
export const RandomApply = defineContainer({
  name: "RandomApply",
  options: z.strictObject({ transforms: z.array(transformOption), p: probability(0.5) }),
  run(image, { transforms, p }, context, rng) {
    if (!rng.chance(p)) return image;
    return runAll(transforms, image, { ...context, path: `${context.path}.transforms` });
  },
});

/** Runs one of the transforms, chosen with probabilities in proportion to `p` (equal ones by default). */
export const RandomChoice = defineContainer({
  name: "RandomChoice",
  options: z
    .strictObject({
      transforms: z.array(transformOption).min(1),
      p: z.array(z.number().min(0, "must not be negative")).nullish(),
    })
    .superRefine(({ transforms, p }, context) => {
      const issue = (message: string) => context.addIssue({ code: "custom", path: ["p"], message });
      if (p == null) return;
      if (p.length !== transforms.length) issue(`has ${p.length} values for ${transforms.length} transforms`);
      else if (p.every((value) => value === 0)) issue("must not be all zero");
    }),
  run(image, { transforms, p }, context, rng) {
    const weights = p ?? transforms.map(() => 1);
    let left = rng.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
    let chosen = weights.findIndex((weight) => {
      left -= weight;
      return left < 0;
    });
    if (chosen < 0) chosen = weights.findLastIndex((weight) => weight > 0);
    const path = `${context.path}.transforms.${chosen}`;
    return transforms[chosen]?.run(image, { key: context.key, path }) ?? image;
  },
});

/** Runs all transforms, in a random order. */
export const RandomOrder = defineContainer({
  name: "RandomOrder",
  options: z.strictObject({ transforms: z.array(transformOption) }),
  run(image, { transforms }, context, rng) {
    const shuffled = Array.from(rng.permutation(transforms.length), (i) => transforms[i]).filter(
      (t) => t !== undefined,
    );
    return runAll(shuffled, image, { ...context, path: `${context.path}.transforms` });
  },
});
