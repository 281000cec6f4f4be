import { z } from "zod";
import { bytesThrough } from "../functional/convert.ts";
import { addGaussianNoise } from "../functional/noise.ts";
import { bounded, checkOrder, probability } from "./options.ts";
import { defineTransform } from "./transform.ts";

/** Adds normal noise of a random sigma, on the scale of 0..255. */
export const RandomGaussianNoise = defineTransform({
  name: "RandomGaussianNoise",
  namespace: "classifier_training",
  options: z
    .strictObject({
      sigmaMin: bounded(0, Number.POSITIVE_INFINITY, 5),
      sigmaMax: bounded(0, Number.POSITIVE_INFINITY, 25),
      p: probability(0.3),
    })
    .superRefine(checkOrder("sigmaMin", "sigmaMax")),
  sample: ({ sigmaMin, sigmaMax, p }, rng) => (rng.chance(p) ? { sigma: rng.uniform(sigmaMin, sigmaMax) } : undefined),
  apply: (image, { sigma }, _, rng) => bytesThrough(image, (bytes) => addGaussianNoise(bytes, sigma, rng)),
});
