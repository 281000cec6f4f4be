import { z } from "zod";
import { permuteChannels } from "../functional/color.ts";
import { defineTransform } from "./transform.ts";

/** Puts the channels into a random order. */
export const RandomChannelPermutation = defineTransform({
  name: "RandomChannelPermutation",
  options: z.strictObject({}),
  sample: (_, rng, { channels }) => ({ order: [...rng.permutation(channels)] }),
  apply: (image, { order }) => permuteChannels(image, order),
});
