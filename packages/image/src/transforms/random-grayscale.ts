import { z } from "zod";
import { toGrayscale } from "../functional/color.ts";
import { probability } from "./options.ts";
import { defineTransform } from "./transform.ts";

/** Turns colours grey with probability `p`; the number of channels stays. */
export const RandomGrayscale = defineTransform({
  name: "RandomGrayscale",
  options: z.strictObject({ p: probability(0.1) }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image) => toGrayscale(image, image.channels === 3 ? 3 : 1),
});
