import { z } from "zod";
import { bytesThrough } from "../functional/convert.ts";
import { zoomOut } from "../functional/degrade.ts";
import { bounded, checkOrder, probability } from "./options.ts";
import { defineTransform } from "./transform.ts";

const channel = z
  .number()
  .int("must be an integer between 0 and 255")
  .min(0, "must be between 0 and 255")
  .max(255, "must be between 0 and 255");

/** Puts the image at a random place of a larger canvas and resizes that back to the image's size. */
export const RandomZoomOut = defineTransform({
  name: "RandomZoomOut",
  namespace: "classifier_training",
  options: z
    .strictObject({
      minScale: bounded(1, Number.POSITIVE_INFINITY, 1),
      maxScale: bounded(1, Number.POSITIVE_INFINITY, 1.5),
      fill: z.union([channel, z.array(channel).min(1)]).default([124, 116, 104]),
      p: probability(0.3),
    })
    .superRefine(checkOrder("minScale", "maxScale")),
  sample({ minScale, maxScale, p }, rng, image) {
    if (!rng.chance(p)) return undefined;
    const scale = rng.uniform(minScale, maxScale);
    const width = Math.trunc(image.width * scale);
    const height = Math.trunc(image.height * scale);
    return { left: rng.integer(width - image.width + 1), top: rng.integer(height - image.height + 1), width, height };
  },
  apply: (image, canvas, { fill }) => bytesThrough(image, (bytes) => zoomOut(bytes, canvas, fill)),
});
