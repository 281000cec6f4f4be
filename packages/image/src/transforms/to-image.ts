import { z } from "zod";
import { defineFixedTransform } from "./transform.ts";

/** Makes the image a tensor: later transforms follow torchvision's tensor arithmetic instead of Pillow's. */
export const ToImage = defineFixedTransform({
  name: "ToImage",
  options: z.strictObject({}),
  apply: (image) => ({ ...image, semantics: "tensor" }),
});
