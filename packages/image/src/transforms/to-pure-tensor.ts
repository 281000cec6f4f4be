import { z } from "zod";
import { defineFixedTransform } from "./transform.ts";

/** Drops what torchvision calls a TVTensor: nothing is to be done, images here are plain already. */
export const ToPureTensor = defineFixedTransform({
  name: "ToPureTensor",
  options: z.strictObject({}),
  apply: (image) => image,
});
