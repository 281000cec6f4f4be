import { z } from "zod";
import { toGrayscale } from "../functional/color.ts";
import { defineFixedTransform } from "./transform.ts";

/** Makes three equal channels of a grey image. */
export const RGB = defineFixedTransform({
  name: "RGB",
  options: z.strictObject({}),
  apply: (image) => (image.channels === 1 ? toGrayscale(image, 3) : image),
});
