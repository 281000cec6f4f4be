import { z } from "zod";
import { bytesThrough } from "../functional/convert.ts";
import { jpegRoundTrip } from "../functional/jpeg.ts";
import { checkOrder, probability, wholeBetween } from "./options.ts";
import { defineTransform } from "./transform.ts";

/** Gives the image the traces of a JPEG file of a random quality. */
export const RandomJPEGCompression = defineTransform({
  name: "RandomJPEGCompression",
  namespace: "classifier_training",
  options: z
    .strictObject({ qualityMin: wholeBetween(1, 100, 20), qualityMax: wholeBetween(1, 100, 75), p: probability(0.5) })
    .superRefine(checkOrder("qualityMin", "qualityMax")),
  sample({ qualityMin, qualityMax, p }, rng) {
    return rng.chance(p) ? { quality: qualityMin + rng.integer(qualityMax - qualityMin + 1) } : undefined;
  },
  apply: (image, { quality }) => bytesThrough(image, (bytes) => jpegRoundTrip(bytes, quality)),
});
