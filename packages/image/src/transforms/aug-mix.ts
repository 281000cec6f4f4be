import type { Rng } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";
import { type Image, isByteImage } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";
import {
  type AugmentSpace,
  applySteps,
  bitsDownFrom,
  linspace,
  sampleMagnitude,
  sampleOp,
  signedUpTo,
  thresholds,
} from "./augment-ops.ts";
import { dirichlet } from "./distributions.ts";
import { augmentFillOption, warpInterpolationOption, wholeBetween } from "./options.ts";
import { defineTransform, type ImageSize } from "./transform.ts";

const partialSpace: AugmentSpace = {
  ShearX: signedUpTo(0.3),
  ShearY: signedUpTo(0.3),
  TranslateX: { magnitudes: (bins, { width }) => linspace(0, width / 3, bins), signed: true },
  TranslateY: { magnitudes: (bins, { height }) => linspace(0, height / 3, bins), signed: true },
  Rotate: signedUpTo(30),
  Posterize: bitsDownFrom(4, 4),
  Solarize: thresholds,
  AutoContrast: {},
  Equalize: {},
};
const wholeSpace: AugmentSpace = {
  ...partialSpace,
  Brightness: signedUpTo(0.9),
  Color: signedUpTo(0.9),
  Contrast: signedUpTo(0.9),
  Sharpness: signedUpTo(0.9),
};
const bins = 10;

function sampleChain(space: AugmentSpace, depth: number, severity: number, image: ImageSize, rng: Rng) {
  return Array.from({ length: depth }, () => {
    const [op, range] = sampleOp(space, rng);
    return { op, magnitude: sampleMagnitude(range, bins, rng.integer(severity), image, rng) };
  });
}

/** AugMix (Hendrycks et al., 2020): a random mixture of the image and several random chains of operations. */
export const AugMix = defineTransform({
  name: "AugMix",
  options: z.strictObject({
    severity: wholeBetween(1, bins, 3),
    mixtureWidth: wholeBetween(1, 100, 3),
    chainDepth: z.number().int().default(-1),
    alpha: z.number().positive("must be greater than 0").default(1),
    allOps: z.boolean().default(true),
    interpolation: warpInterpolationOption("bilinear"),
    fill: augmentFillOption,
  }),
  sample({ severity, mixtureWidth, chainDepth, alpha, allOps }, rng, image) {
    const [original = 0, augmented = 0] = dirichlet([alpha, alpha], rng);
    const weights = dirichlet(new Array<number>(mixtureWidth).fill(alpha), rng).map((weight) => weight * augmented);
    const chains = weights.map((weight) => {
      const depth = chainDepth > 0 ? chainDepth : 1 + rng.integer(3);
      return { weight, steps: sampleChain(allOps ? wholeSpace : partialSpace, depth, severity, image, rng) };
    });
    return { original, chains };
  },
  apply(image, { original, chains }, options) {
    const sum = Float32Array.from(image.data, (value) => value * original);
    for (const { weight, steps } of chains) {
      const { data } = applySteps(image, steps, options);
      for (let i = 0; i < sum.length; i++) sum[i]! += (data[i] as number) * weight;
    }
    return mixed(image, sum);
  },
});

function mixed(image: Image, sum: Float32Array): Image {
  if (!isByteImage(image)) return { ...image, data: sum };
  const out = takeBytes(sum.length);
  for (let i = 0; i < sum.length; i++) out[i] = Math.min(255, sum[i] as number);
  return { ...image, data: out };
}
