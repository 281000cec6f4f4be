import { z } from "zod";
import { roundHalfEven } from "../functional/crop.ts";
import { type AffineParams, affine } from "../functional/geometry.ts";
import { fillOption, ordered, spreadOption, warpInterpolationOption } from "./options.ts";
import { defineTransform } from "./transform.ts";

const share = z.number().min(0, "must be between 0 and 1").max(1, "must be between 0 and 1");
const positive = z.number().positive("must be greater than 0");

/** One number, a range for x, or ranges for x and y, in degrees. */
const shearOption = z
  .union([
    spreadOption,
    z
      .tuple([z.number(), z.number(), z.number(), z.number()])
      .refine(([a, b, c, d]) => a <= b && c <= d, "each lower bound must not exceed its upper one"),
  ])
  .transform((shear): [number, number, number, number] => (shear.length === 4 ? shear : [shear[0], shear[1], 0, 0]));

/** Rotates, moves (as a share of the size), scales and shears at random, keeping the size. */
export const RandomAffine = defineTransform({
  name: "RandomAffine",
  options: z.strictObject({
    degrees: spreadOption,
    translate: z.tuple([share, share]).nullish(),
    scale: z.tuple([positive, positive]).refine(ordered, "the lower bound must not exceed the upper one").nullish(),
    shear: shearOption.nullish(),
    interpolation: warpInterpolationOption("nearest"),
    fill: fillOption(),
    center: z.tuple([z.number(), z.number()]).nullish(),
  }),
  sample({ degrees, translate, scale, shear }, rng, { width, height }): AffineParams {
    const angle = rng.uniform(degrees[0], degrees[1]);
    const within = (share: number, size: number) => {
      const most = share * size;
      return roundHalfEven(rng.uniform(-most, most));
    };
    return {
      angle,
      translate: translate ? [within(translate[0], width), within(translate[1], height)] : [0, 0],
      scale: scale ? rng.uniform(scale[0], scale[1]) : 1,
      shear: shear ? [rng.uniform(shear[0], shear[1]), rng.uniform(shear[2], shear[3])] : [0, 0],
    };
  },
  apply: (image, params, { interpolation, fill, center }) =>
    affine(image, params, { interpolation, fill, center: center ?? undefined }),
});
