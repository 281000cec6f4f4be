import { suggestion } from "@classifier-training/base";
import type { z } from "zod";
import { platform } from "#platform";
import { ImageError } from "../errors.ts";
import { AugMix } from "./aug-mix.ts";
import { AutoAugment } from "./auto-augment.ts";
import { CenterCrop } from "./center-crop.ts";
import { ColorJitter } from "./color-jitter.ts";
import { Compose } from "./compose.ts";
import { ConvertImageDtype } from "./convert-image-dtype.ts";
import { ElasticTransform } from "./elastic-transform.ts";
import { GaussianBlur } from "./gaussian-blur.ts";
import { GaussianNoise } from "./gaussian-noise.ts";
import { Grayscale } from "./grayscale.ts";
import { Identity } from "./identity.ts";
import { JPEG } from "./jpeg.ts";
import { Normalize } from "./normalize.ts";
import { Pad } from "./pad.ts";
import { PILToTensor } from "./pil-to-tensor.ts";
import { RandAugment } from "./rand-augment.ts";
import { RandomAdjustSharpness } from "./random-adjust-sharpness.ts";
import { RandomAffine } from "./random-affine.ts";
import { RandomApply } from "./random-apply.ts";
import { RandomAutocontrast } from "./random-autocontrast.ts";
import { RandomBilinearDownscale } from "./random-bilinear-downscale.ts";
import { RandomChannelPermutation } from "./random-channel-permutation.ts";
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
import { RandomPhotometricDistort } from "./random-photometric-distort.ts";
import { RandomPixelate } from "./random-pixelate.ts";
import { RandomPosterize } from "./random-posterize.ts";
import { RandomResizedCrop } from "./random-resized-crop.ts";
import { RandomRotation } from "./random-rotation.ts";
import { RandomSolarize } from "./random-solarize.ts";
import { RandomVerticalFlip } from "./random-vertical-flip.ts";
import { RandomZoomIn } from "./random-zoom-in.ts";
import { RandomZoomOut } from "./random-zoom-out.ts";
import { Resize } from "./resize.ts";
import { RGB } from "./rgb.ts";
import { ToDtype } from "./to-dtype.ts";
import { ToFloat32Tensor } from "./to-float32-tensor.ts";
import { ToImage } from "./to-image.ts";
import { ToPILImage } from "./to-pil-image.ts";
import { ToPureTensor } from "./to-pure-tensor.ts";
import { ToTensor } from "./to-tensor.ts";
import { definedTransforms, type Transform, type TransformSpec } from "./transform.ts";
import { TrivialAugmentWide } from "./trivial-augment-wide.ts";

/** What is needed of a factory whatever its options are. */
export interface AnyTransformFactory {
  readonly transformName: string;
  readonly namespace: "torchvision" | "classifier_training";
  readonly schema: z.ZodObject;
  build(options: unknown): Transform;
}

/** Every transform of this package. A new one is its file and a line here. */
export const transforms: readonly AnyTransformFactory[] = [
  AugMix,
  AutoAugment,
  CenterCrop,
  ColorJitter,
  Compose,
  ConvertImageDtype,
  ElasticTransform,
  GaussianBlur,
  GaussianNoise,
  Grayscale,
  Identity,
  JPEG,
  Normalize,
  PILToTensor,
  Pad,
  RGB,
  RandAugment,
  RandomAdjustSharpness,
  RandomAffine,
  RandomApply,
  RandomAutocontrast,
  RandomBilinearDownscale,
  RandomChannelPermutation,
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
  RandomPhotometricDistort,
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
  ToPILImage,
  ToPureTensor,
  ToTensor,
  TrivialAugmentWide,
];

const builtIn = new Map(transforms.map((factory) => [factory.transformName, factory]));

function isSpec(value: unknown): value is TransformSpec {
  return typeof value === "object" && value !== null && "transform" in value && "options" in value;
}

/**
 * Builds a transform from a spec that this program made, in any thread. Transforms from outside this package are imported
 * from the module that their definition names; its export must have the transform's name. A spec that was read from a
 * file goes to `buildNamedTransform`: this function would run the code that the file's author chose.
 */
export async function buildTransform(spec: TransformSpec): Promise<Transform> {
  const { transform, module, options } = spec;
  const factory = module === undefined ? named(transform) : await load(module, transform);
  if (factory === undefined) throw unknownTransform(transform);
  return factory.build(await revive(options, buildTransform));
}

/**
 * Builds a transform from a spec that comes from a file: only transforms of this package, and those that the program has
 * defined itself, by their names. No code is loaded.
 * @throws ImageError for a name that is not known, and for a spec that names a module
 */
export async function buildNamedTransform(spec: TransformSpec): Promise<Transform> {
  const { transform, module, options } = spec;
  if (module !== undefined) {
    throw new ImageError({
      code: "image/transform-module",
      what: `the transform '${String(transform)}' names a module to load: a file may name only transforms that the program knows`,
      fix: "export the model again with this version; a custom transform is named by its definition alone",
    });
  }
  const factory = named(transform);
  if (factory === undefined) throw unknownTransform(transform);
  return factory.build(await revive(options, buildNamedTransform));
}

/**
 * A spec as files have it: transforms by their names alone, without the modules that define them.
 * @throws ImageError for a custom transform that has the name of one of this package
 */
export function namedSpec({ transform, module, options }: TransformSpec): TransformSpec {
  if (module !== undefined && builtIn.has(transform)) {
    throw new ImageError({
      code: "image/transform-name",
      what: `the custom transform '${transform}' has the name of a transform of this package`,
      where: module,
      fix: "give it another name: a model's files would mean the other one",
    });
  }
  return { transform, options: withoutModules(options) as TransformSpec["options"] };
}

function withoutModules(value: unknown): unknown {
  if (isSpec(value)) return namedSpec(value);
  if (Array.isArray(value)) return value.map(withoutModules);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, withoutModules(entry)]));
}

function named(name: string): AnyTransformFactory | undefined {
  return builtIn.get(name) ?? (definedTransforms.get(name) as AnyTransformFactory | undefined);
}

function unknownTransform(name: string): ImageError {
  return new ImageError({
    code: "image/transform-unknown",
    what: `there is no transform '${String(name)}'`,
    fix: `${suggestion(String(name), [...builtIn.keys(), ...definedTransforms.keys()])} (a custom transform: import the module that defines it first, with \`--plugins FILE\` on the command line)`,
  });
}

async function load(module: string, name: string): Promise<AnyTransformFactory | undefined> {
  if (!module.startsWith("file:")) {
    throw new ImageError({
      code: "image/transform-module",
      what: `the module of the transform '${name}' is not a file: ${module.slice(0, 80)}`,
      fix: "set `module: import.meta.url` in its definition",
    });
  }
  const loaded = (await platform.importModule(module)) as Record<string, AnyTransformFactory | undefined>;
  return loaded[name] ?? Object.values(loaded).find((value) => value?.transformName === name);
}

async function revive(value: unknown, build: (spec: TransformSpec) => Promise<Transform>): Promise<unknown> {
  if (isSpec(value)) return build(value);
  if (Array.isArray(value)) return Promise.all(value.map((entry) => revive(entry, build)));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(async ([key, entry]) => [key, await revive(entry, build)] as const);
  return Object.fromEntries(await Promise.all(entries));
}
