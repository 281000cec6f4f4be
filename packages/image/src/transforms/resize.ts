import * as z from "@classifier-training/base/zod";
import { resize } from "../functional/resize.ts";
import { interpolationOption, resizeSizeOption } from "./options.ts";
import { defineFixedTransform, type ImageSize } from "./transform.ts";

/** The size that `Resize` gives an image: torchvision's `_compute_resized_output_size`. */
export function resizedSize(
  { width, height }: Pick<ImageSize, "width" | "height">,
  size: readonly [number, number] | number | undefined,
  maxSize: number | undefined,
): { width: number; height: number } {
  if (typeof size === "object") return { height: size[0], width: size[1] };
  const short = Math.min(width, height);
  const long = Math.max(width, height);
  let newShort: number;
  let newLong: number;
  if (size === undefined) {
    newLong = maxSize ?? long;
    newShort = Math.max(1, Math.trunc((newLong * short) / long));
  } else {
    newShort = size;
    newLong = Math.trunc((size * long) / short);
    if (maxSize !== undefined && newLong > maxSize) {
      newShort = Math.max(1, Math.trunc((maxSize * newShort) / newLong));
      newLong = maxSize;
    }
  }
  return width <= height ? { width: newShort, height: newLong } : { width: newLong, height: newShort };
}

/** Resizes to [height, width], or so that the shorter side has `size` pixels and the longer at most `maxSize`. */
export const Resize = defineFixedTransform({
  name: "Resize",
  options: z
    .strictObject({
      size: resizeSizeOption,
      interpolation: interpolationOption("bilinear"),
      maxSize: z.number().int().min(1).nullish(),
      antialias: z.boolean().nullish(),
    })
    .superRefine(({ size, maxSize }, context) => {
      const issue = (message: string) => context.addIssue({ code: "custom", path: ["maxSize"], message });
      if (size === undefined && maxSize == null) issue("is required when size is null");
      if (maxSize == null) return;
      if (typeof size === "object") issue("needs size to be one number");
      if (typeof size === "number" && maxSize <= size) {
        issue(`is ${maxSize}, which must be greater than the size of the shorter side, ${size}`);
      }
    }),
  apply(image, { size, interpolation, maxSize, antialias }) {
    const { width, height } = resizedSize(image, size, maxSize ?? undefined);
    if (width === image.width && height === image.height) return image;
    return resize(image, width, height, { interpolation, antialias: antialias ?? true });
  },
});
