import { z } from "zod";
import { probability } from "./options.ts";
import { defineContainer, runAll, transformOption } from "./transform.ts";

/** Runs the whole list with probability `p`: one draw decides for all. */
export const RandomApply = defineContainer({
  name: "RandomApply",
  options: z.strictObject({ transforms: z.array(transformOption), p: probability(0.5) }),
  run(image, { transforms, p }, context, rng) {
    if (!rng.chance(p)) return image;
    return runAll(transforms, image, { ...context, path: `${context.path}.transforms` });
  },
});
