import { Rng } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";
import { horizontalFlip, roundHalfEven, verticalFlip } from "../functional/crop.ts";
import { elastic, elasticDisplacement } from "../functional/elastic.ts";
import { type AffineParams, affine, type Points, perspective, rotate } from "../functional/geometry.ts";
import { fillOption, ordered, probability, spreadOption, warpInterpolationOption } from "./options.ts";
import { defineContainer, defineTransform } from "./transform.ts";

/** Mirrors left and right, with probability `p`. */
export const RandomHorizontalFlip = defineTransform({
  name: "RandomHorizontalFlip",
  options: z.strictObject({ p: probability(0.5) }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image) => horizontalFlip(image),
});

const flipMode = z.enum(["alternating", "random", "none"]);

/**
 * Mirrors left and right. `alternating` (also `true`): half of the images, by a hash of their index, in the first epoch,
 * the others in the second, and so on, so that two epochs show each image both ways (Jordan 2024, "94% on CIFAR-10 in
 * 3.29 Seconds on a Single GPU"); a further visit within an epoch counts like the next epoch. `random`: each time with
 * probability 1/2. `none` (also `false`): never, for hands, digits and text.
 */
export const HorizontalFlip = defineContainer({
  name: "HorizontalFlip",
  namespace: "classifier_training",
  options: z.strictObject({
    mode: z
      .preprocess((mode) => (typeof mode === "boolean" ? (mode ? "alternating" : "none") : mode), flipMode)
      .default("alternating"),
  }),
  run(image, { mode }, { key: [seed = 0, epoch = 0, index = 0, visit = 0], path }, rng) {
    if (mode === "none") return image;
    const flips =
      mode === "random" ? rng.chance(0.5) : (Rng.at(seed, index, path, "flip").integer(2) + epoch + visit) % 2 === 1;
    return flips ? horizontalFlip(image) : image;
  },
});

/** Mirrors top and bottom, with probability `p`. */
export const RandomVerticalFlip = defineTransform({
  name: "RandomVerticalFlip",
  options: z.strictObject({ p: probability(0.5) }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image) => verticalFlip(image),
});

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

const fraction = z.number().min(0, "must be between 0 and 1").max(1, "must be between 0 and 1");
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

/** Rotates, moves (as a fraction of the size), scales and shears at random, keeping the size. */
export const RandomAffine = defineTransform({
  name: "RandomAffine",
  options: z.strictObject({
    degrees: spreadOption,
    translate: z.tuple([fraction, fraction]).nullish(),
    scale: z.tuple([positive, positive]).refine(ordered, "the lower bound must not exceed the upper one").nullish(),
    shear: shearOption.nullish(),
    interpolation: warpInterpolationOption("nearest"),
    fill: fillOption(),
    center: z.tuple([z.number(), z.number()]).nullish(),
  }),
  sample({ degrees, translate, scale, shear }, rng, { width, height }): AffineParams {
    const angle = rng.uniform(degrees[0], degrees[1]);
    const within = (fraction: number, size: number) => {
      const most = fraction * size;
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
