import { z } from "zod";
import { isByteImage } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";
import { defineTransform } from "./transform.ts";

/**
 * Adds normal noise on the scale [0, 1]. On bytes the noise is cut to integers before it is added, as torchvision does; without
 * `clip` they wrap around.
 */
export const GaussianNoise = defineTransform({
  name: "GaussianNoise",
  options: z.strictObject({
    mean: z.number().default(0),
    sigma: z.number().min(0, "must not be negative").default(0.1),
    clip: z.boolean().default(true),
  }),
  sample: () => ({}),
  apply(image, _, { mean, sigma, clip }, rng) {
    const { length } = image.data;
    if (isByteImage(image)) {
      const data = takeBytes(length);
      for (let i = 0; i < length; i++) {
        const value = (image.data[i] as number) + Math.trunc(mean * 255 + rng.normal() * sigma * 255);
        data[i] = clip ? Math.max(0, Math.min(255, value)) : value & 255;
      }
      return { ...image, data };
    }
    const data = Float32Array.from(image.data, (value) => value + mean + rng.normal() * sigma);
    if (clip) for (let i = 0; i < length; i++) data[i] = Math.max(0, Math.min(1, data[i] as number));
    return { ...image, data };
  },
});
