import { z } from "zod";
import { horizontalFlip } from "../functional/crop.ts";
import { probability } from "./options.ts";
import { defineTransform } from "./transform.ts";

/** Mirrors left and right, with probability `p`. */
export const RandomHorizontalFlip = defineTransform({
  name: "RandomHorizontalFlip",
  options: z.strictObject({ p: probability(0.5) }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image) => horizontalFlip(image),
});
