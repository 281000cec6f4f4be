import { z } from "zod";
import { defineContainer, runAll, transformOption } from "./transform.ts";

/** Runs transforms one after the other. */
export const Compose = defineContainer({
  name: "Compose",
  options: z.strictObject({ transforms: z.array(transformOption) }),
  run: (image, { transforms }, context) => runAll(transforms, image, context),
});
