import { z } from "zod";
import { bytesThrough } from "../functional/convert.ts";
import { zoomIn } from "../functional/degrade.ts";
import { checkOrder, probability } from "./options.ts";
import { defineTransform } from "./transform.ts";

const scale = z
  .number()
  .positive("must be greater than 0 and at most 1")
  .max(1, "must be greater than 0 and at most 1");

/** Crops a random part (a share of each side) and resizes it back to the full size. */
export const RandomZoomIn = defineTransform({
  name: "RandomZoomIn",
  namespace: "classifier_training",
  options: z
    .strictObject({ minScale: scale.default(0.7), maxScale: scale.default(1), p: probability(0.3) })
    .superRefine(checkOrder("minScale", "maxScale")),
  sample({ minScale, maxScale, p }, rng, image) {
    if (!rng.chance(p)) return undefined;
    const scale = rng.uniform(minScale, maxScale);
    const width = Math.max(1, Math.trunc(image.width * scale));
    const height = Math.max(1, Math.trunc(image.height * scale));
    return { left: rng.integer(image.width - width + 1), top: rng.integer(image.height - height + 1), width, height };
  },
  apply: (image, box) => bytesThrough(image, (bytes) => zoomIn(bytes, box)),
});
