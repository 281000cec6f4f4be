import type { Rng } from "@classifier-training/base";
import { z } from "zod";
import { roundHalfEven } from "../functional/crop.ts";
import type { Box } from "../functional/resample.ts";
import { resize } from "../functional/resize.ts";
import { interpolationOption, ordered, squareSizeOption } from "./options.ts";
import { defineTransform, type ImageSize } from "./transform.ts";

/** torchvision's draw: ten tries for an area and an aspect ratio that fit, then the largest central crop. */
export function sampleCropBox(
  { width, height }: ImageSize,
  scale: readonly [number, number],
  ratio: readonly [number, number],
  rng: Rng,
): Box {
  const logLow = Math.log(ratio[0]);
  const logHigh = Math.log(ratio[1]);
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * rng.uniform(scale[0], scale[1]);
    const aspect = Math.exp(rng.uniform(logLow, logHigh));
    const w = roundHalfEven(Math.sqrt(area * aspect));
    const h = roundHalfEven(Math.sqrt(area / aspect));
    if (w < 1 || w > width || h < 1 || h > height) continue;
    return { top: rng.integer(height - h + 1), left: rng.integer(width - w + 1), width: w, height: h };
  }
  const shape = width / height;
  let [w, h] = [width, height];
  if (shape < ratio[0]) h = roundHalfEven(w / ratio[0]);
  else if (shape > ratio[1]) w = roundHalfEven(h * ratio[1]);
  w = Math.max(1, w);
  h = Math.max(1, h);
  return { top: (height - h) >> 1, left: (width - w) >> 1, width: w, height: h };
}

const positive = z.number().positive("must be greater than 0");
const pair = z.tuple([positive, positive]).refine(ordered, "the lower bound must not exceed the upper one");

/** A random part of the image (a share of the area, an aspect ratio), resized. */
export const RandomResizedCrop = defineTransform({
  name: "RandomResizedCrop",
  options: z.strictObject({
    size: squareSizeOption,
    scale: pair.default([0.08, 1]),
    ratio: pair.default([3 / 4, 4 / 3]),
    interpolation: interpolationOption("bilinear"),
    antialias: z.boolean().nullish(),
  }),
  sample: ({ scale, ratio }, rng, image) => sampleCropBox(image, scale, ratio, rng),
  // Crop and resize in one: the resize reads the part only.
  apply: (image, box, { size: [height, width], interpolation, antialias }) =>
    resize(image, width, height, { interpolation, antialias: antialias ?? true, box }),
});
