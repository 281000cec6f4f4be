import { importModule, suggestion } from "@classifier-training/base";
import type { z } from "zod";
import { VisionError } from "../errors.ts";
import { AugMix } from "./aug-mix.ts";
import { AutoAugment } from "./auto-augment.ts";
import { CenterCrop } from "./center-crop.ts";
import { ColorJitter } from "./color-jitter.ts";
import { Compose } from "./compose.ts";
import { GaussianBlur } from "./gaussian-blur.ts";
import { Grayscale } from "./grayscale.ts";
import { Normalize } from "./normalize.ts";
import { Pad } from "./pad.ts";
import { RandAugment } from "./rand-augment.ts";
import { RandomAdjustSharpness } from "./random-adjust-sharpness.ts";
import { RandomAffine } from "./random-affine.ts";
import { RandomApply } from "./random-apply.ts";
import { RandomAutocontrast } from "./random-autocontrast.ts";
import { RandomBilinearDownscale } from "./random-bilinear-downscale.ts";
import { RandomChoice } from "./random-choice.ts";
import { RandomCrop } from "./random-crop.ts";
import { RandomEqualize } from "./random-equalize.ts";
import { RandomErasing } from "./random-erasing.ts";
import { RandomGaussianNoise } from "./random-gaussian-noise.ts";
import { RandomGrayscale } from "./random-grayscale.ts";
import { RandomHorizontalFlip } from "./random-horizontal-flip.ts";
import { RandomInvert } from "./random-invert.ts";
import { RandomJPEGCompression } from "./random-jpeg-compression.ts";
import { RandomOrder } from "./random-order.ts";
import { RandomPerspective } from "./random-perspective.ts";
import { RandomPixelate } from "./random-pixelate.ts";
import { RandomPosterize } from "./random-posterize.ts";
import { RandomResizedCrop } from "./random-resized-crop.ts";
import { RandomRotation } from "./random-rotation.ts";
import { RandomSolarize } from "./random-solarize.ts";
import { RandomVerticalFlip } from "./random-vertical-flip.ts";
import { RandomZoomIn } from "./random-zoom-in.ts";
import { RandomZoomOut } from "./random-zoom-out.ts";
import { Resize } from "./resize.ts";
import { ToDtype } from "./to-dtype.ts";
import { ToFloat32Tensor } from "./to-float32-tensor.ts";
import { ToImage } from "./to-image.ts";
import type { Transform, TransformSpec } from "./transform.ts";
import { TrivialAugmentWide } from "./trivial-augment-wide.ts";

/** What is needed of a factory whatever its options are. */
export interface AnyTransformFactory {
  readonly transformName: string;
  readonly namespace: "torchvision" | "classifier_training";
  readonly schema: z.ZodObject;
  build(options: unknown, keyStyle?: "camelCase" | "snake_case"): Transform;
}

/** Every transform of this package. A new one is its file and a line here. */
export const transforms: readonly AnyTransformFactory[] = [
  AugMix,
  AutoAugment,
  CenterCrop,
  ColorJitter,
  Compose,
  GaussianBlur,
  Grayscale,
  Normalize,
  Pad,
  RandAugment,
  RandomAdjustSharpness,
  RandomAffine,
  RandomApply,
  RandomAutocontrast,
  RandomBilinearDownscale,
  RandomChoice,
  RandomCrop,
  RandomEqualize,
  RandomErasing,
  RandomGaussianNoise,
  RandomGrayscale,
  RandomHorizontalFlip,
  RandomInvert,
  RandomJPEGCompression,
  RandomOrder,
  RandomPerspective,
  RandomPixelate,
  RandomPosterize,
  RandomResizedCrop,
  RandomRotation,
  RandomSolarize,
  RandomVerticalFlip,
  RandomZoomIn,
  RandomZoomOut,
  Resize,
  ToDtype,
  ToFloat32Tensor,
  ToImage,
  TrivialAugmentWide,
];

const byName = new Map(transforms.map((factory) => [factory.transformName, factory]));

function isSpec(value: unknown): value is TransformSpec {
  return typeof value === "object" && value !== null && "transform" in value && "options" in value;
}

/**
 * Builds a transform from its spec, in any thread. Transforms from outside this package are imported from the module
 * that their definition names; its export must have the transform's name.
 */
export async function buildTransform(spec: TransformSpec): Promise<Transform> {
  const factory = spec.module === undefined ? byName.get(spec.transform) : await load(spec.module, spec.transform);
  if (factory === undefined) {
    throw new VisionError({
      code: "vision/transform-unknown",
      what: `there is no transform '${spec.transform}'`,
      fix: `${suggestion(spec.transform, [...byName.keys()])} (a transform of your own sets 'module: import.meta.url' in its definition)`,
    });
  }
  return factory.build(await revive(spec.options));
}

async function load(module: string, name: string): Promise<AnyTransformFactory | undefined> {
  const loaded = (await importModule(module)) as Record<string, AnyTransformFactory | undefined>;
  return loaded[name] ?? Object.values(loaded).find((value) => value?.transformName === name);
}

async function revive(value: unknown): Promise<unknown> {
  if (isSpec(value)) return buildTransform(value);
  if (Array.isArray(value)) return Promise.all(value.map(revive));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(async ([key, entry]) => [key, await revive(entry)] as const);
  return Object.fromEntries(await Promise.all(entries));
}
