import { z } from "zod";
import { bytesThrough } from "../functional/convert.ts";
import { downAndUp } from "../functional/degrade.ts";
import { checkOrder, probability } from "./options.ts";
import { defineTransform } from "./transform.ts";

const scale = z
  .number()
  .positive("must be greater than 0 and at most 1")
  .max(1, "must be greater than 0 and at most 1");

/** Shrinks and enlarges again with bilinear interpolation, so that detail is lost. */
export const RandomBilinearDownscale = defineTransform({
  name: "RandomBilinearDownscale",
  namespace: "classifier_training",
  options: z
    .strictObject({ scaleMin: scale.default(0.3), scaleMax: scale.default(0.75), p: probability(0.3) })
    .superRefine(checkOrder("scaleMin", "scaleMax")),
  sample: ({ scaleMin, scaleMax, p }, rng) => (rng.chance(p) ? { scale: rng.uniform(scaleMin, scaleMax) } : undefined),
  apply: (image, { scale }) => bytesThrough(image, (bytes) => downAndUp(bytes, scale, "bilinear")),
});
