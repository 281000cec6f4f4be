import { z } from "zod";
import { convert } from "../functional/convert.ts";
import { defineFixedTransform } from "./transform.ts";

const dtypes = ["float32", "uint8"] as const;

/** Changes the type of the pixels; with `scale`, 0..255 and 0..1 correspond. */
export const ToDtype = defineFixedTransform({
  name: "ToDtype",
  options: z.strictObject({
    dtype: z.preprocess((value) => (typeof value === "string" ? value.replace(/^torch\./, "") : value), z.enum(dtypes)),
    scale: z.boolean().default(false),
  }),
  apply: (image, { dtype, scale }) => convert(image, dtype, scale),
});
