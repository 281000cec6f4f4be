import { z } from "zod";
import { type Points, perspective } from "../functional/geometry.ts";
import { fillOption, probability, warpInterpolationOption } from "./options.ts";
import { defineTransform } from "./transform.ts";

/** Moves the corners inwards at random, each by up to half of `distortionScale` of the size. */
export const RandomPerspective = defineTransform({
  name: "RandomPerspective",
  options: z.strictObject({
    distortionScale: z.number().min(0, "must be between 0 and 1").max(1, "must be between 0 and 1").default(0.5),
    p: probability(0.5),
    interpolation: warpInterpolationOption("bilinear"),
    fill: fillOption(),
  }),
  sample({ distortionScale, p }, rng, { width, height }) {
    if (!rng.chance(p)) return undefined;
    const boundX = Math.trunc(distortionScale * (width >> 1)) + 1;
    const boundY = Math.trunc(distortionScale * (height >> 1)) + 1;
    const corner = (right: boolean, low: boolean): [number, number] => {
      const x = rng.integer(boundX);
      const y = rng.integer(boundY);
      return [right ? width - 1 - x : x, low ? height - 1 - y : y];
    };
    const startPoints: Points = [
      [0, 0],
      [width - 1, 0],
      [width - 1, height - 1],
      [0, height - 1],
    ];
    const endPoints: Points = [corner(false, false), corner(true, false), corner(true, true), corner(false, true)];
    return { startPoints, endPoints };
  },
  apply: (image, { startPoints, endPoints }, { interpolation, fill }) =>
    perspective(image, startPoints, endPoints, { interpolation, fill }),
});
