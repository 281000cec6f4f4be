import * as z from "@classifier-training/base/zod";
import { defineFixedTransform } from "../src/transforms/transform.ts";

/** Ends its thread, as a crash in native code would. */
export const Dies = defineFixedTransform({
  name: "Dies",
  module: import.meta.url,
  options: z.strictObject({}),
  apply: () => process.exit(3),
});
