import { z } from "zod";
import { convert } from "../functional/convert.ts";
import { defineFixedTransform } from "./transform.ts";

/** The original's conversion to a float tensor: in [0, 1] with `scale` (the default), else in [0, 255]. */
export const ToFloat32Tensor = defineFixedTransform({
  name: "ToFloat32Tensor",
  namespace: "classifier_training",
  options: z.strictObject({ scale: z.boolean().default(true) }),
  apply: (image, { scale }) => convert(image, "float32", scale),
});
