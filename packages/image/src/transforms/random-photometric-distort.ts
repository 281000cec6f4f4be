import type { Rng } from "@classifier-training/base";
import { z } from "zod";
import { permuteChannels } from "../functional/color.ts";
import { jitterColors } from "../functional/jitter.ts";
import { ordered, probability } from "./options.ts";
import { defineTransform } from "./transform.ts";

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
    const draw = ([low, high]: readonly [number, number], from: Rng) =>
      from.chance(p) ? from.uniform(low, high) : undefined;
    return {
      brightness: draw(brightness, rng),
      contrast: draw(contrast, rng),
      saturation: draw(saturation, rng),
      hue: draw(hue, rng),
      order: rng.chance(0.5) ? [0, 1, 2, 3] : [0, 2, 3, 1],
      channels: rng.chance(p) ? [...rng.permutation(channels)] : undefined,
    };
  },
  apply(image, { channels, ...params }) {
    const made = jitterColors(image, params);
    return channels === undefined ? made : permuteChannels(made, channels);
  },
});
