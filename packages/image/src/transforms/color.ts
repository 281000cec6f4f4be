import type { Rng } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";
import { adjustSharpness } from "../functional/blur.ts";
import {
  autocontrast,
  equalize,
  invert,
  permuteChannels,
  posterize,
  solarize,
  toGrayscale,
} from "../functional/color.ts";
import { jitterColors } from "../functional/jitter.ts";
import { ordered, probability } from "./options.ts";
import { defineFixedTransform, defineTransform } from "./transform.ts";

/** One number s for [max(0, center - s), center + s], or a range within bounds. */
function strength(center: number, low: number, high: number) {
  const bounds = high === Number.POSITIVE_INFINITY ? `must be at least ${low}` : `must be between ${low} and ${high}`;
  const end = z.number().min(low, bounds).max(high, bounds);
  const single = z.number().min(0, "a single number must not be negative");
  return z
    .union([single, z.tuple([end, end]).refine(([a, b]) => a <= b, "the lower bound must not exceed the upper one")])
    .nullish()
    .transform((value, context): [number, number] | undefined => {
      if (value == null) return undefined;
      if (typeof value === "object") return value[0] === center && value[1] === center ? undefined : value;
      if (value === 0) return undefined;
      if (center + value > high) {
        context.addIssue({ code: "custom", message: bounds });
        return z.NEVER;
      }
      return [center === 1 ? Math.max(0, center - value) : center - value, center + value];
    });
}

const sampleFrom = (range: readonly [number, number] | undefined, rng: Rng) =>
  range === undefined ? undefined : rng.uniform(range[0], range[1]);

/** Changes brightness, contrast, saturation and hue by random amounts, in a random order. */
export const ColorJitter = defineTransform({
  name: "ColorJitter",
  options: z.strictObject({
    brightness: strength(1, 0, Number.POSITIVE_INFINITY),
    contrast: strength(1, 0, Number.POSITIVE_INFINITY),
    saturation: strength(1, 0, Number.POSITIVE_INFINITY),
    hue: strength(0, -0.5, 0.5),
  }),
  sample: ({ brightness, contrast, saturation, hue }, rng) => ({
    order: [...rng.permutation(4)],
    brightness: sampleFrom(brightness, rng),
    contrast: sampleFrom(contrast, rng),
    saturation: sampleFrom(saturation, rng),
    hue: sampleFrom(hue, rng),
  }),
  apply: (image, params) => jitterColors(image, params),
});

const range = (low: number, high: number, byDefault: [number, number]) => {
  const end = z.number().min(low).max(high);
  return z.tuple([end, end]).refine(ordered, "the lower bound must not exceed the upper one").default(byDefault);
};

/**
 * The color distortions of SSD (https://arxiv.org/abs/1512.02325): brightness, saturation, hue, contrast before or after
 * them, and the order of the channels, each with probability `p`.
 */
export const RandomPhotometricDistort = defineTransform({
  name: "RandomPhotometricDistort",
  options: z.strictObject({
    brightness: range(0, Number.POSITIVE_INFINITY, [0.875, 1.125]),
    contrast: range(0, Number.POSITIVE_INFINITY, [0.5, 1.5]),
    saturation: range(0, Number.POSITIVE_INFINITY, [0.5, 1.5]),
    hue: range(-0.5, 0.5, [-0.05, 0.05]),
    p: probability(0.5),
  }),
  sample({ brightness, contrast, saturation, hue, p }, rng, { channels }) {
    const sample = ([low, high]: readonly [number, number], from: Rng) =>
      from.chance(p) ? from.uniform(low, high) : undefined;
    return {
      brightness: sample(brightness, rng),
      contrast: sample(contrast, rng),
      saturation: sample(saturation, rng),
      hue: sample(hue, rng),
      order: rng.chance(0.5) ? [0, 1, 2, 3] : [0, 2, 3, 1],
      channels: rng.chance(p) ? [...rng.permutation(channels)] : undefined,
    };
  },
  apply(image, { channels, ...params }) {
    const made = jitterColors(image, params);
    return channels === undefined ? made : permuteChannels(made, channels);
  },
});

/** Turns colors gray, in one channel or three equal ones. */
export const Grayscale = defineFixedTransform({
  name: "Grayscale",
  options: z.strictObject({ numOutputChannels: z.union([z.literal(1), z.literal(3)]).default(1) }),
  apply: (image, { numOutputChannels }) => toGrayscale(image, numOutputChannels),
});

/** Turns colors gray with probability `p`; the number of channels stays. */
export const RandomGrayscale = defineTransform({
  name: "RandomGrayscale",
  options: z.strictObject({ p: probability(0.1) }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image) => toGrayscale(image, image.channels === 3 ? 3 : 1),
});

/** Puts the channels into a random order. */
export const RandomChannelPermutation = defineTransform({
  name: "RandomChannelPermutation",
  options: z.strictObject({}),
  sample: (_, rng, { channels }) => ({ order: [...rng.permutation(channels)] }),
  apply: (image, { order }) => permuteChannels(image, order),
});

/** Inverts the colors, with probability `p`. */
export const RandomInvert = defineTransform({
  name: "RandomInvert",
  options: z.strictObject({ p: probability(0.5) }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image) => invert(image),
});

/** Keeps the upper `bits` bits of each value, with probability `p`. */
export const RandomPosterize = defineTransform({
  name: "RandomPosterize",
  options: z.strictObject({
    bits: z.number().int().min(0, "must be between 0 and 8").max(8, "must be between 0 and 8"),
    p: probability(0.5),
  }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image, _, { bits }) => posterize(image, bits),
});

/** Inverts the values at or above the threshold (0..255, or 0..1 for floats), with probability `p`. */
export const RandomSolarize = defineTransform({
  name: "RandomSolarize",
  options: z.strictObject({ threshold: z.number(), p: probability(0.5) }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image, _, { threshold }) => solarize(image, threshold),
});

/** Stretches each channel to the full range, with probability `p`. */
export const RandomAutocontrast = defineTransform({
  name: "RandomAutocontrast",
  options: z.strictObject({ p: probability(0.5) }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image) => autocontrast(image),
});

/** Evens out each channel's histogram, with probability `p`. */
export const RandomEqualize = defineTransform({
  name: "RandomEqualize",
  options: z.strictObject({ p: probability(0.5) }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image) => equalize(image),
});

/** Changes the sharpness (0 blurred, 1 unchanged, 2 sharpened) with probability `p`. */
export const RandomAdjustSharpness = defineTransform({
  name: "RandomAdjustSharpness",
  options: z.strictObject({ sharpnessFactor: z.number().min(0, "must not be negative"), p: probability(0.5) }),
  sample: ({ p }, rng) => rng.chance(p) || undefined,
  apply: (image, _, { sharpnessFactor }) => adjustSharpness(image, sharpnessFactor),
});
