import { z } from "zod";
import { adjustSharpness } from "../functional/blur.ts";
import { probability } from "./options.ts";
import { defineTransform } from "./transform.ts";

/** Changes the sharpness (0 blurred, 1 unchanged, 2 sharpened) with probability `p`. */
export const RandomAdjustSharpness = defineTransform({
  name: "RandomAdjustSharpness",
  options: z.strictObject({ sharpnessFactor: z.number().min(0, "must not be negative"), p: probability(0.5) }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image, _, { sharpnessFactor }) => adjustSharpness(image, sharpnessFactor),
});
