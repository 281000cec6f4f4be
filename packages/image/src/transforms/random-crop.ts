import { z } from "zod";
import { ImageError } from "../errors.ts";
import { crop, pad } from "../functional/crop.ts";
import { fillOption, paddingModeOption, paddingOption, squareSizeOption } from "./options.ts";
import { defineTransform } from "./transform.ts";

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
        what: `a crop of ${width}x${height} does not fit an image of ${paddedWidth}x${paddedHeight}`,
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
