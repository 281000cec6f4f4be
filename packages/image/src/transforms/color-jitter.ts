import type { Rng } from "@classifier-training/base";
import { z } from "zod";
import { jitterColors } from "../functional/jitter.ts";
import { defineTransform } from "./transform.ts";

/** One number s for [max(0, centre - s), centre + s], or a range within bounds. */
function strength(centre: number, low: number, high: number) {
  const bounds = high === Number.POSITIVE_INFINITY ? `must be at least ${low}` : `must be between ${low} and ${high}`;
  const end = z.number().min(low, bounds).max(high, bounds);
  const single = z.number().min(0, "a single number must not be negative");
  return z
    .union([single, z.tuple([end, end]).refine(([a, b]) => a <= b, "the lower bound must not exceed the upper one")])
    .nullish()
    .transform((value, context): [number, number] | undefined => {
      if (value == null) return undefined;
      if (typeof value === "object") return value[0] === centre && value[1] === centre ? undefined : value;
      if (value === 0) return undefined;
      if (centre + value > high) {
        context.addIssue({ code: "custom", message: bounds });
        return z.NEVER;
      }
      return [centre === 1 ? Math.max(0, centre - value) : centre - value, centre + value];
    });
}

const draw = (range: readonly [number, number] | undefined, rng: Rng) =>
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
    brightness: draw(brightness, rng),
    contrast: draw(contrast, rng),
    saturation: draw(saturation, rng),
    hue: draw(hue, rng),
  }),
  apply: (image, params) => jitterColors(image, params),
});
