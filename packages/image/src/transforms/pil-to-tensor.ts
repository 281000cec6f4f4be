import { z } from "zod";
import { defineFixedTransform } from "./transform.ts";

/** Makes the image a tensor of the same values: later transforms follow torchvision's tensor arithmetic. */
export const PILToTensor = defineFixedTransform({
  name: "PILToTensor",
  options: z.strictObject({}),
  apply: (image) => ({ ...image, semantics: "tensor" }),
});
