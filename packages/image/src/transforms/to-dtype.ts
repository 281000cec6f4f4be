import { z } from "zod";
import { convert } from "../functional/convert.ts";
import { dtypeOption } from "./options.ts";
import { defineFixedTransform } from "./transform.ts";

/** Changes the type of the pixels; with `scale`, 0..255 and 0..1 correspond. */
export const ToDtype = defineFixedTransform({
  name: "ToDtype",
  options: z.strictObject({
    dtype: dtypeOption,
    scale: z.boolean().default(false),
  }),
  apply: (image, { dtype, scale }) => convert(image, dtype, scale),
});
