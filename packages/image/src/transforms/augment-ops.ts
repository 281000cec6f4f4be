import type { Rng } from "@classifier-training/base";
import { adjustSharpness } from "../functional/blur.ts";
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  autocontrast,
  equalize,
  invert,
  posterize,
  solarize,
} from "../functional/color.ts";
import { type Fill, roundHalfEven } from "../functional/crop.ts";
import { affine, rotate } from "../functional/geometry.ts";
import type { WarpInterpolation } from "../functional/warp.ts";
import { type Image, isByteImage } from "../image.ts";
import type { ImageSize } from "./transform.ts";

/** The operations that AutoAugment, RandAugment, TrivialAugmentWide and AugMix choose from. */
export const augmentOps = [
  "Identity",
  "ShearX",
  "ShearY",
  "TranslateX",
  "TranslateY",
  "Rotate",
  "Brightness",
  "Color",
  "Contrast",
  "Sharpness",
  "Posterize",
  "Solarize",
  "AutoContrast",
  "Equalize",
  "Invert",
] as const;
export type AugmentOp = (typeof augmentOps)[number];

/** Which magnitudes an operation may have: `bins` of them for an image of this size; signed ones are also negated. */
export interface MagnitudeRange {
  readonly magnitudes?: (bins: number, image: ImageSize) => number[];
  readonly signed?: boolean;
}

export type AugmentSpace = Partial<Readonly<Record<AugmentOp, MagnitudeRange>>>;

/** `bins` numbers from `low` to `high`: those of `torch.linspace`, which counts in float32, from both ends to the middle. */
export function linspace(low: number, high: number, bins: number): number[] {
  const step = Math.fround((high - low) / Math.max(1, bins - 1));
  const at = (i: number) => (i < bins / 2 ? low + step * i : high - step * (bins - 1 - i));
  return Array.from({ length: bins }, (_, i) => Math.fround(bins === 1 ? low : at(i)));
}

/** Magnitudes from 0 to `high`, of either sign. */
export const signedUpTo = (high: number): MagnitudeRange => ({
  magnitudes: (bins) => linspace(0, high, bins),
  signed: true,
});

/** Bits kept: from `most` down by `range`, rounded half to even. */
export const bitsDownFrom = (most: number, range: number): MagnitudeRange => ({
  magnitudes: (bins) => linspace(0, range, bins).map((less) => roundHalfEven(most - less)),
});

/** Solarize thresholds, from 255 (nothing is inverted) down to 0. */
export const thresholds: MagnitudeRange = { magnitudes: (bins) => linspace(255, 0, bins) };

/** The magnitude of an operation at an index of its range, with a random sign where it has one. */
export function sampleMagnitude(
  range: MagnitudeRange,
  bins: number,
  index: number,
  image: ImageSize,
  rng: Rng,
): number {
  const magnitude = range.magnitudes?.(bins, image)[index] ?? 0;
  return range.signed && rng.uniform() <= 0.5 ? -magnitude : magnitude;
}

export interface AugmentOptions {
  readonly interpolation: WarpInterpolation;
  readonly fill: Fill | undefined;
}

const degrees = (radians: number) => (radians * 180) / Math.PI;

/** Applies one operation, as torchvision's `_AutoAugmentBase._apply_image_or_video_transform`. */
export function applyAugment(
  image: Image,
  op: AugmentOp,
  magnitude: number,
  { interpolation, fill }: AugmentOptions,
): Image {
  const corner = [0, 0] as const;
  const still = { angle: 0, translate: [0, 0], scale: 1, shear: [0, 0] } as const;
  switch (op) {
    case "Identity":
      return image;
    case "ShearX":
      return affine(
        image,
        { ...still, shear: [degrees(Math.atan(magnitude)), 0] },
        { interpolation, fill, center: corner },
      );
    case "ShearY":
      return affine(
        image,
        { ...still, shear: [0, degrees(Math.atan(magnitude))] },
        { interpolation, fill, center: corner },
      );
    case "TranslateX":
      return affine(image, { ...still, translate: [Math.trunc(magnitude), 0] }, { interpolation, fill });
    case "TranslateY":
      return affine(image, { ...still, translate: [0, Math.trunc(magnitude)] }, { interpolation, fill });
    case "Rotate":
      return rotate(image, magnitude, { interpolation, fill });
    case "Brightness":
      return adjustBrightness(image, 1 + magnitude);
    case "Color":
      return adjustSaturation(image, 1 + magnitude);
    case "Contrast":
      return adjustContrast(image, 1 + magnitude);
    case "Sharpness":
      return adjustSharpness(image, 1 + magnitude);
    case "Posterize":
      return posterize(image, Math.trunc(magnitude));
    case "Solarize":
      return solarize(image, isByteImage(image) ? magnitude : magnitude / 255);
    case "AutoContrast":
      return autocontrast(image);
    case "Equalize":
      return equalize(image);
    case "Invert":
      return invert(image);
  }
}

/** An operation with what it was given. */
export interface AugmentStep {
  readonly op: AugmentOp;
  readonly magnitude: number;
}

export function applySteps(image: Image, steps: readonly AugmentStep[], options: AugmentOptions): Image {
  return steps.reduce((made, { op, magnitude }) => applyAugment(made, op, magnitude, options), image);
}

/** One operation of a space, each equally likely. */
export function sampleOp(space: AugmentSpace, rng: Rng): [AugmentOp, MagnitudeRange] {
  const entries = Object.entries(space) as [AugmentOp, MagnitudeRange][];
  return entries[rng.integer(entries.length)] as [AugmentOp, MagnitudeRange];
}

/** The operations that AutoAugment and RandAugment share, in torchvision's order. */
export const commonSpace: AugmentSpace = {
  ShearX: signedUpTo(0.3),
  ShearY: signedUpTo(0.3),
  TranslateX: { magnitudes: (bins, { width }) => linspace(0, (150 / 331) * width, bins), signed: true },
  TranslateY: { magnitudes: (bins, { height }) => linspace(0, (150 / 331) * height, bins), signed: true },
  Rotate: signedUpTo(30),
  Brightness: signedUpTo(0.9),
  Color: signedUpTo(0.9),
  Contrast: signedUpTo(0.9),
  Sharpness: signedUpTo(0.9),
  Posterize: bitsDownFrom(8, 4),
  Solarize: thresholds,
  AutoContrast: {},
  Equalize: {},
};
