import { z } from "zod";
import { gaussianBlur } from "../functional/blur.ts";
import { ordered } from "./options.ts";
import { defineTransform } from "./transform.ts";

const odd = z
  .number()
  .int()
  .positive("must be an odd number of at least 1")
  .refine((size) => size % 2 === 1, "must be an odd number of at least 1");
const sigma = z.number().positive("must be greater than 0");

/** Blurs with a Gaussian kernel of [x, y] pixels and a random sigma, the same for both directions. */
export const GaussianBlur = defineTransform({
  name: "GaussianBlur",
  options: z.strictObject({
    kernelSize: z.union([odd, z.tuple([odd]), z.tuple([odd, odd])]).transform((size): [number, number] => {
      if (typeof size === "number") return [size, size];
      return [size[0], size[1] ?? size[0]];
    }),
    sigma: z
      .union([sigma, z.tuple([sigma, sigma]).refine(ordered, "the lower bound must not exceed the upper one")])
      .transform((value): [number, number] => (typeof value === "number" ? [value, value] : value))
      .default([0.1, 2]),
  }),
  sample: ({ sigma: [low, high] }, rng) => ({ sigma: rng.uniform(low, high) }),
  apply: (image, { sigma }, { kernelSize }) => gaussianBlur(image, kernelSize, [sigma, sigma]),
});
