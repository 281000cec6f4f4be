import { z } from "zod";
import { rotate } from "../functional/geometry.ts";
import { fillOption, spreadOption, warpInterpolationOption } from "./options.ts";
import { defineTransform } from "./transform.ts";

/** Rotates by a random angle, in degrees counter-clockwise. */
export const RandomRotation = defineTransform({
  name: "RandomRotation",
  options: z.strictObject({
    degrees: spreadOption,
    interpolation: warpInterpolationOption("nearest"),
    expand: z.boolean().default(false),
    center: z.tuple([z.number(), z.number()]).nullish(),
    fill: fillOption(),
  }),
  sample: ({ degrees: [low, high] }, rng) => ({ angle: rng.uniform(low, high) }),
  apply: (image, { angle }, { interpolation, expand, center, fill }) =>
    rotate(image, angle, { interpolation, expand, center: center ?? undefined, fill }),
});
