import * as z from "@classifier-training/base/zod";
import { ImageError } from "../errors.ts";
import { isByteImage } from "../image.ts";
import { defineFixedTransform } from "./transform.ts";

/** Mean and standard deviation of ImageNet's RGB channels, on the scale [0, 1]. */
export const imagenetMean: [number, number, number] = [0.485, 0.456, 0.406];
export const imagenetStd: [number, number, number] = [0.229, 0.224, 0.225];

/** (value - mean) / std per channel, of float images. */
export const Normalize = defineFixedTransform({
  name: "Normalize",
  options: z.strictObject({
    mean: z.array(z.number()).min(1),
    std: z.array(z.number().refine((value) => value !== 0, "must not be 0")).min(1),
    inplace: z.boolean().default(false),
  }),
  apply(image, { mean, std }) {
    if (isByteImage(image)) {
      throw new ImageError({
        code: "image/normalize",
        what: "Normalize: expected float32 pixels, received uint8",
        fix: "put ToDtype({ dtype: 'float32', scale: true }) or ToFloat32Tensor before Normalize",
      });
    }
    const { data, channels } = image;
    const means = Float32Array.from({ length: channels }, (_, c) => mean[c % mean.length] as number);
    const stds = Float32Array.from({ length: channels }, (_, c) => std[c % std.length] as number);
    const out = new Float32Array(data.length);
    for (let i = 0; i < data.length; ) {
      for (let c = 0; c < channels; c++, i++) {
        out[i] = Math.fround((data[i] as number) - (means[c] as number)) / (stds[c] as number);
      }
    }
    return { ...image, data: out };
  },
});
