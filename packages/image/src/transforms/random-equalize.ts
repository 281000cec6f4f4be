import { z } from "zod";
import { equalize } from "../functional/color.ts";
import { probability } from "./options.ts";
import { defineTransform } from "./transform.ts";

/** Evens out each channel's histogram, with probability `p`. */
export const RandomEqualize = defineTransform({
  name: "RandomEqualize",
  options: z.strictObject({ p: probability(0.5) }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image) => equalize(image),
});
