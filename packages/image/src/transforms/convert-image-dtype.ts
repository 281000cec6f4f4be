import { z } from "zod";
import { convert } from "../functional/convert.ts";
import { dtypeOption } from "./options.ts";
import { defineFixedTransform } from "./transform.ts";

/** Changes the type of the pixels, so that 0..255 and 0..1 correspond. */
export const ConvertImageDtype = defineFixedTransform({
  name: "ConvertImageDtype",
  options: z.strictObject({ dtype: dtypeOption.default("float32") }),
  apply: (image, { dtype }) => convert(image, dtype, true),
});
