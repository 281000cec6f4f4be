import { z } from "zod";
import { elastic, elasticDisplacement } from "../functional/elastic.ts";
import { fillOption, warpInterpolationOption } from "./options.ts";
import { defineTransform } from "./transform.ts";

/** One number for both directions, or one for each. */
const pair = (byDefault: number) => {
  const number = z.number().min(0, "must not be negative");
  return z
    .union([number, z.tuple([number]), z.tuple([number, number])])
    .default(byDefault)
    .transform((given): [number, number] => {
      if (typeof given === "number") return [given, given];
      return [given[0], given[1] ?? given[0]];
    });
};

/** Moves each pixel by a smooth random field: of strength `alpha` and smoothness `sigma`, in pixels. */
export const ElasticTransform = defineTransform({
  name: "ElasticTransform",
  options: z.strictObject({
    alpha: pair(50),
    sigma: pair(5),
    interpolation: warpInterpolationOption("bilinear"),
    fill: fillOption(),
  }),
  sample: ({ alpha, sigma }, rng, size) => elasticDisplacement(size, alpha, sigma, rng),
  apply: (image, displacement, { interpolation, fill }) => elastic(image, displacement, interpolation, fill),
});
