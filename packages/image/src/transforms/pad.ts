import { z } from "zod";
import { pad } from "../functional/crop.ts";
import { fillOption, paddingModeOption, paddingOption } from "./options.ts";
import { defineFixedTransform } from "./transform.ts";

/** Adds a border. */
export const Pad = defineFixedTransform({
  name: "Pad",
  options: z.strictObject({ padding: paddingOption, fill: fillOption(), paddingMode: paddingModeOption }),
  apply: (image, { padding, fill, paddingMode }) => pad(image, padding, fill, paddingMode),
});
