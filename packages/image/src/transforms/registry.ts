import { suggestion } from "@classifier-training/base";
import type * as z from "@classifier-training/base/zod";
import { platform } from "#platform";
import { ImageError } from "../errors.ts";
import * as augMix from "./aug-mix.ts";
import * as autoAugment from "./auto-augment.ts";
import * as color from "./color.ts";
import * as containers from "./containers.ts";
import * as conversions from "./conversions.ts";
import * as crops from "./crops.ts";
import * as degradations from "./degradations.ts";
import * as geometry from "./geometry.ts";
import * as normalize from "./normalize.ts";
import * as randAugment from "./rand-augment.ts";
import * as randomErasing from "./random-erasing.ts";
import * as resize from "./resize.ts";
import { definedTransforms, type Transform, type TransformSpec } from "./transform.ts";
import * as trivialAugment from "./trivial-augment-wide.ts";

/** What is needed of a factory whatever its options are. */
export interface AnyTransformFactory {
  readonly transformName: string;
  readonly namespace: "torchvision" | "classifier_training";
  readonly schema: z.ZodObject;
  build(options: unknown): Transform;
}

const families = [
  ...[augMix, autoAugment, color, containers, conversions, crops, degradations, geometry, normalize],
  ...[randAugment, randomErasing, resize, trivialAugment],
];

/** Every transform that these modules export. A new one is written into its family's module. */
export const transforms: readonly AnyTransformFactory[] = families
  .flatMap((family) => Object.values<unknown>(family))
  .filter((value): value is AnyTransformFactory => typeof value === "function" && "transformName" in value);

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
      what: `the transform '${String(transform)}' in a file refers to a module: only built-in and registered transforms are loaded from files`,
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
      fix: "give it another name: in a model's files it would refer to the other one",
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
    what: `unknown transform '${String(name)}'`,
    fix: `${suggestion(String(name), [...builtIn.keys(), ...definedTransforms.keys()])} (a custom transform: import the module that defines it first, with \`--plugins FILE\` on the command line)`,
  });
}

async function load(module: string, name: string): Promise<AnyTransformFactory | undefined> {
  if (!module.startsWith("file:")) {
    throw new ImageError({
      code: "image/transform-module",
      what: `module of the transform '${name}': expected a file: URL, received ${module.slice(0, 80)}`,
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
