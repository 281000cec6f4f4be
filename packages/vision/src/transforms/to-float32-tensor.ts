import { z } from "zod";
import { convert } from "../functional/convert.ts";
import { defineFixedTransform } from "./transform.ts";

/** The original's conversion to a float tensor in [0, 1]. */
export const ToFloat32Tensor = defineFixedTransform({
  name: "ToFloat32Tensor",
  namespace: "classifier_training",
  options: z.strictObject({}),
  apply: (image) => convert(image, "float32", true),
});
