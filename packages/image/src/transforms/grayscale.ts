import { z } from "zod";
import { toGrayscale } from "../functional/color.ts";
import { defineFixedTransform } from "./transform.ts";

/** Turns colours grey, in one channel or three equal ones. */
export const Grayscale = defineFixedTransform({
  name: "Grayscale",
  options: z.strictObject({ numOutputChannels: z.union([z.literal(1), z.literal(3)]).default(1) }),
  apply: (image, { numOutputChannels }) => toGrayscale(image, numOutputChannels),
});
