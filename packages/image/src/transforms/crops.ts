import type { Rng } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";
import { ImageError } from "../errors.ts";
import { centerCrop, crop, pad, roundHalfEven } from "../functional/crop.ts";
import type { Box } from "../functional/resample.ts";
import { resize } from "../functional/resize.ts";
import {
  fillOption,
  interpolationOption,
  ordered,
  paddingModeOption,
  paddingOption,
  squareSizeOption,
} from "./options.ts";
import { defineFixedTransform, defineTransform, type ImageSize } from "./transform.ts";

/** The middle of the image, padded with zeros where the image is smaller. */
export const CenterCrop = defineFixedTransform({
  name: "CenterCrop",
  options: z.strictObject({ size: squareSizeOption }),
  apply: (image, { size: [height, width] }) => centerCrop(image, width, height),
});

/** Adds a border. */
export const Pad = defineFixedTransform({
  name: "Pad",
  options: z.strictObject({ padding: paddingOption, fill: fillOption(), paddingMode: paddingModeOption }),
  apply: (image, { padding, fill, paddingMode }) => pad(image, padding, fill, paddingMode),
});

/** A part of the image at a random place, after optional padding. */
export const RandomCrop = defineTransform({
  name: "RandomCrop",
  options: z.strictObject({
    size: squareSizeOption,
    padding: paddingOption.nullish(),
    padIfNeeded: z.boolean().default(false),
    fill: fillOption(),
    paddingMode: paddingModeOption,
  }),
  sample({ size: [height, width], padding, padIfNeeded }, rng, image) {
    let [left, top, right, bottom] = padding ?? [0, 0, 0, 0];
    let paddedWidth = image.width + left + right;
    let paddedHeight = image.height + top + bottom;
    if (padIfNeeded) {
      const tall = Math.max(0, height - paddedHeight);
      const wide = Math.max(0, width - paddedWidth);
      [left, right, top, bottom] = [left + wide, right + wide, top + tall, bottom + tall];
      paddedWidth += 2 * wide;
      paddedHeight += 2 * tall;
    }
    if (paddedWidth < width || paddedHeight < height) {
      throw new ImageError({
        code: "image/crop",
        what: `crop: expected at most the image's ${paddedWidth}x${paddedHeight}, received ${width}x${height}`,
        fix: "set padIfNeeded (pad_if_needed), or resize before",
      });
    }
    const atTop = rng.integer(paddedHeight - height + 1);
    const atLeft = rng.integer(paddedWidth - width + 1);
    return { padding: [left, top, right, bottom] as const, box: { left: atLeft, top: atTop, width, height } };
  },
  apply(image, { padding, box }, { fill, paddingMode }) {
    const padded = padding.some((side) => side !== 0) ? pad(image, padding, fill, paddingMode) : image;
    return crop(padded, box);
  },
});

/** torchvision's sampling: ten attempts for an area and an aspect ratio that fit, then the largest central crop. */
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

/** A random part of the image (a fraction of the area, an aspect ratio), resized. */
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
