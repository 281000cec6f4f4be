import type { Rng } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";
import { roundHalfEven } from "../functional/crop.ts";
import type { Box } from "../functional/resample.ts";
import { type Image, isByteImage } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";
import { ordered, probability } from "./options.ts";
import { defineTransform, type ImageSize } from "./transform.ts";

const positive = z.number().positive("must be greater than 0");
const fraction = z.number().min(0, "must be between 0 and 1").max(1, "must be between 0 and 1");
const inOrder = "the lower bound must not exceed the upper one";

/** torchvision's sampling: ten attempts for a rectangle that is smaller than the image in both directions. */
export function sampleErasedBox(
  { width, height }: Pick<ImageSize, "width" | "height">,
  scale: readonly [number, number],
  ratio: readonly [number, number],
  rng: Rng,
): Box | undefined {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * rng.uniform(scale[0], scale[1]);
    const aspect = Math.exp(rng.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
    const h = roundHalfEven(Math.sqrt(area * aspect));
    const w = roundHalfEven(Math.sqrt(area / aspect));
    if (h >= height || w >= width) continue;
    return { top: rng.integer(height - h + 1), left: rng.integer(width - w + 1), width: w, height: h };
  }
  return undefined;
}

/** Overwrites a random rectangle with a value per channel, or with standard normal noise (`value: "random"`). */
export const RandomErasing = defineTransform({
  name: "RandomErasing",
  options: z.strictObject({
    p: probability(0.5),
    scale: z.tuple([fraction, fraction]).refine(ordered, inOrder).default([0.02, 0.33]),
    ratio: z.tuple([positive, positive]).refine(ordered, inOrder).default([0.3, 3.3]),
    value: z.union([z.number(), z.array(z.number()).min(1), z.literal("random")]).default(0),
    inplace: z.boolean().default(false),
  }),
  sample: ({ p, scale, ratio }, rng, image) => (rng.chance(p) ? sampleErasedBox(image, scale, ratio, rng) : undefined),
  apply: (image, box, { value }, rng) => erase(image, box, value, rng),
});

/** A copy of the image with `box` overwritten. */
export function erase(image: Image, box: Box, value: number | readonly number[] | "random", rng: Rng): Image {
  const { width, channels, data } = image;
  const out = isByteImage(image) ? takeBytes(data.length) : new Float32Array(data.length);
  out.set(data);
  const at = (channel: number) => {
    if (value === "random") return rng.normal();
    return typeof value === "number" ? value : (value[channel % value.length] as number);
  };
  for (let y = box.top; y < box.top + box.height; y++) {
    let i = (y * width + box.left) * channels;
    for (let x = 0; x < box.width; x++) for (let c = 0; c < channels; c++) out[i++] = at(c);
  }
  return { ...image, data: out };
}
