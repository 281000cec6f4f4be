import { z } from "zod";
import { verticalFlip } from "../functional/crop.ts";
import { probability } from "./options.ts";
import { defineTransform } from "./transform.ts";

/** Mirrors top and bottom, with probability `p`. */
export const RandomVerticalFlip = defineTransform({
  name: "RandomVerticalFlip",
  options: z.strictObject({ p: probability(0.5) }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image) => verticalFlip(image),
});
