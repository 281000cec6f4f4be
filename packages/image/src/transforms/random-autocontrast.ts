import { z } from "zod";
import { autocontrast } from "../functional/color.ts";
import { probability } from "./options.ts";
import { defineTransform } from "./transform.ts";

/** Stretches each channel to the full range, with probability `p`. */
export const RandomAutocontrast = defineTransform({
  name: "RandomAutocontrast",
  options: z.strictObject({ p: probability(0.5) }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image) => autocontrast(image),
});
