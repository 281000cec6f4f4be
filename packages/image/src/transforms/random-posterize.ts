import { z } from "zod";
import { posterize } from "../functional/color.ts";
import { probability } from "./options.ts";
import { defineTransform } from "./transform.ts";

/** Keeps the upper `bits` bits of each value, with probability `p`. */
export const RandomPosterize = defineTransform({
  name: "RandomPosterize",
  options: z.strictObject({
    bits: z.number().int().min(0, "must be between 0 and 8").max(8, "must be between 0 and 8"),
    p: probability(0.5),
  }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image, _, { bits }) => posterize(image, bits),
});
