import { z } from "zod";
import { convert } from "../functional/convert.ts";
import { defineFixedTransform } from "./transform.ts";

/** torchvision's conversion to a float tensor in [0, 1]. */
export const ToTensor = defineFixedTransform({
  name: "ToTensor",
  options: z.strictObject({}),
  apply: (image) => convert(image, "float32", true),
});
