import * as z from "@classifier-training/base/zod";
import { gaussianBlur } from "../functional/blur.ts";
import { bytesThrough } from "../functional/convert.ts";
import { downAndUp, zoomIn, zoomOut } from "../functional/degrade.ts";
import { jpegRoundTrip } from "../functional/jpeg.ts";
import { addGaussianNoise } from "../functional/noise.ts";
import { isByteImage } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";
import { bounded, checkOrder, ordered, probability, wholeBetween } from "./options.ts";
import { defineTransform } from "./transform.ts";

const odd = z
  .number()
  .int()
  .positive("must be an odd number of at least 1")
  .refine((size) => size % 2 === 1, "must be an odd number of at least 1");
const sigma = z.number().positive("must be greater than 0");

/** Blurs with a Gaussian kernel of [x, y] pixels and a random sigma, the same for both directions. */
export const GaussianBlur = defineTransform({
  name: "GaussianBlur",
  options: z.strictObject({
    kernelSize: z.union([odd, z.tuple([odd]), z.tuple([odd, odd])]).transform((size): [number, number] => {
      if (typeof size === "number") return [size, size];
      return [size[0], size[1] ?? size[0]];
    }),
    sigma: z
      .union([sigma, z.tuple([sigma, sigma]).refine(ordered, "the lower bound must not exceed the upper one")])
      .transform((value): [number, number] => (typeof value === "number" ? [value, value] : value))
      .default([0.1, 2]),
  }),
  sample: ({ sigma: [low, high] }, rng) => ({ sigma: rng.uniform(low, high) }),
  apply: (image, { sigma }, { kernelSize }) => gaussianBlur(image, kernelSize, [sigma, sigma]),
});

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

/** Adds normal noise of a random sigma, on the scale of 0..255. */
export const RandomGaussianNoise = defineTransform({
  name: "RandomGaussianNoise",
  namespace: "classifier_training",
  options: z
    .strictObject({
      sigmaMin: bounded(0, Number.POSITIVE_INFINITY, 5),
      sigmaMax: bounded(0, Number.POSITIVE_INFINITY, 25),
      p: probability(0.3),
    })
    .superRefine(checkOrder("sigmaMin", "sigmaMax")),
  sample: ({ sigmaMin, sigmaMax, p }, rng) => (rng.chance(p) ? { sigma: rng.uniform(sigmaMin, sigmaMax) } : undefined),
  apply: (image, { sigma }, _, rng) => bytesThrough(image, (bytes) => addGaussianNoise(bytes, sigma, rng)),
});

const quality = z
  .number()
  .int("must be an integer")
  .min(1, "must be between 1 and 100")
  .max(100, "must be between 1 and 100");

/** Gives the image the traces of a JPEG file of one quality, or of a random one between two. */
export const JPEG = defineTransform({
  name: "JPEG",
  options: z.strictObject({
    quality: z
      .union([quality, z.tuple([quality, quality]).refine(ordered, "the lower bound must not exceed the upper one")])
      .transform((given): [number, number] => (typeof given === "number" ? [given, given] : given)),
  }),
  sample: ({ quality: [low, high] }, rng) => ({ quality: low + rng.integer(high - low + 1) }),
  apply: (image, params) => bytesThrough(image, (bytes) => jpegRoundTrip(bytes, params.quality)),
});

/** Gives the image the traces of a JPEG file of a random quality. */
export const RandomJPEGCompression = defineTransform({
  name: "RandomJPEGCompression",
  namespace: "classifier_training",
  options: z
    .strictObject({ qualityMin: wholeBetween(1, 100, 20), qualityMax: wholeBetween(1, 100, 75), p: probability(0.5) })
    .superRefine(checkOrder("qualityMin", "qualityMax")),
  sample({ qualityMin, qualityMax, p }, rng) {
    return rng.chance(p) ? { quality: qualityMin + rng.integer(qualityMax - qualityMin + 1) } : undefined;
  },
  apply: (image, { quality }) => bytesThrough(image, (bytes) => jpegRoundTrip(bytes, quality)),
});

const scale = z
  .number()
  .positive("must be greater than 0 and at most 1")
  .max(1, "must be greater than 0 and at most 1");

/** Shrinks and enlarges again without interpolation, so that coarse pixels show. */
export const RandomPixelate = defineTransform({
  name: "RandomPixelate",
  namespace: "classifier_training",
  options: z
    .strictObject({ scaleMin: scale.default(0.25), scaleMax: scale.default(0.75), p: probability(0.3) })
    .superRefine(checkOrder("scaleMin", "scaleMax")),
  sample: ({ scaleMin, scaleMax, p }, rng) => (rng.chance(p) ? { scale: rng.uniform(scaleMin, scaleMax) } : undefined),
  apply: (image, { scale }) => bytesThrough(image, (bytes) => downAndUp(bytes, scale, "nearest")),
});

/** Shrinks and enlarges again with bilinear interpolation, so that detail is lost. */
export const RandomBilinearDownscale = defineTransform({
  name: "RandomBilinearDownscale",
  namespace: "classifier_training",
  options: z
    .strictObject({ scaleMin: scale.default(0.3), scaleMax: scale.default(0.75), p: probability(0.3) })
    .superRefine(checkOrder("scaleMin", "scaleMax")),
  sample: ({ scaleMin, scaleMax, p }, rng) => (rng.chance(p) ? { scale: rng.uniform(scaleMin, scaleMax) } : undefined),
  apply: (image, { scale }) => bytesThrough(image, (bytes) => downAndUp(bytes, scale, "bilinear")),
});

/** Crops a random part (a fraction of each side) and resizes it back to the full size. */
export const RandomZoomIn = defineTransform({
  name: "RandomZoomIn",
  namespace: "classifier_training",
  options: z
    .strictObject({ minScale: scale.default(0.7), maxScale: scale.default(1), p: probability(0.3) })
    .superRefine(checkOrder("minScale", "maxScale")),
  sample({ minScale, maxScale, p }, rng, image) {
    if (!rng.chance(p)) return undefined;
    const scale = rng.uniform(minScale, maxScale);
    const width = Math.max(1, Math.trunc(image.width * scale));
    const height = Math.max(1, Math.trunc(image.height * scale));
    return { left: rng.integer(image.width - width + 1), top: rng.integer(image.height - height + 1), width, height };
  },
  apply: (image, box) => bytesThrough(image, (bytes) => zoomIn(bytes, box)),
});

const channel = z
  .number()
  .int("must be an integer between 0 and 255")
  .min(0, "must be between 0 and 255")
  .max(255, "must be between 0 and 255");

/** Puts the image at a random place of a larger canvas and resizes that back to the image's size. */
export const RandomZoomOut = defineTransform({
  name: "RandomZoomOut",
  namespace: "classifier_training",
  options: z
    .strictObject({
      minScale: bounded(1, Number.POSITIVE_INFINITY, 1),
      maxScale: bounded(1, Number.POSITIVE_INFINITY, 1.5),
      fill: z.union([channel, z.array(channel).min(1)]).default([124, 116, 104]),
      p: probability(0.3),
    })
    .superRefine(checkOrder("minScale", "maxScale")),
  sample({ minScale, maxScale, p }, rng, image) {
    if (!rng.chance(p)) return undefined;
    const scale = rng.uniform(minScale, maxScale);
    const width = Math.trunc(image.width * scale);
    const height = Math.trunc(image.height * scale);
    return { left: rng.integer(width - image.width + 1), top: rng.integer(height - image.height + 1), width, height };
  },
  apply: (image, canvas, { fill }) => bytesThrough(image, (bytes) => zoomOut(bytes, canvas, fill)),
});
