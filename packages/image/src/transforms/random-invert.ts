import { z } from "zod";
import { invert } from "../functional/color.ts";
import { probability } from "./options.ts";
import { defineTransform } from "./transform.ts";

/** Inverts the colours, with probability `p`. */
export const RandomInvert = defineTransform({
  name: "RandomInvert",
  options: z.strictObject({ p: probability(0.5) }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image) => invert(image),
});
