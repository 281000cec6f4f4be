import { z } from "zod";
import { defineContainer, runAll, transformOption } from "./transform.ts";

/** Runs all transforms, in a random order. */
export const RandomOrder = defineContainer({
  name: "RandomOrder",
  options: z.strictObject({ transforms: z.array(transformOption) }),
  run(image, { transforms }, context, rng) {
    const shuffled = Array.from(rng.permutation(transforms.length), (i) => transforms[i]).filter(
      (t) => t !== undefined,
    );
    return runAll(shuffled, image, { ...context, path: `${context.path}.transforms` });
  },
});
