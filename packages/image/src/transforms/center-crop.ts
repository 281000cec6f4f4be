import { z } from "zod";
import { centerCrop } from "../functional/crop.ts";
import { squareSizeOption } from "./options.ts";
import { defineFixedTransform } from "./transform.ts";

/** The middle of the image, padded with zeros where the image is smaller. */
export const CenterCrop = defineFixedTransform({
  name: "CenterCrop",
  options: z.strictObject({ size: squareSizeOption }),
  apply: (image, { size: [height, width] }) => centerCrop(image, width, height),
});
