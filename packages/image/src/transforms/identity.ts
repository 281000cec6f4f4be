import { z } from "zod";
import { defineFixedTransform } from "./transform.ts";

/** Leaves the image as it is. */
export const Identity = defineFixedTransform({
  name: "Identity",
  options: z.strictObject({}),
  apply: (image) => image,
});
