import { z } from "zod";
import { solarize } from "../functional/color.ts";
import { probability } from "./options.ts";
import { defineTransform } from "./transform.ts";

/** Inverts the values at or above the threshold (0..255, or 0..1 for floats), with probability `p`. */
export const RandomSolarize = defineTransform({
  name: "RandomSolarize",
  options: z.strictObject({ threshold: z.number(), p: probability(0.5) }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image, _, { threshold }) => solarize(image, threshold),
});
