import { type Problem, parseOptions, Rng } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";
import { ImageError } from "../errors.ts";
import type { Image } from "../image.ts";
import { recycle } from "../kernels/buffers.ts";

/** Names the random stream of one transform for one sample: it does not depend on workers, order or rank. */
export interface TransformContext {
  /** seed, epoch, dataset index, and how often the index occurred before in this epoch. */
  readonly key: readonly number[];
  /** Position in the tree of transforms, e.g. `5.transforms.2`. */
  readonly path: string;
}

/** A transform as plain data, to be built again in a worker (`buildTransform`). */
export interface TransformSpec {
  readonly transform: string;
  /** The module that defines it, as a URL, for transforms that are not this package's own. */
  readonly module?: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** A transform with its options. Running it never changes the image that it is given. */
export interface Transform {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly spec: TransformSpec;
  run(image: Image, context: TransformContext): Image | Promise<Image>;
}

export interface ImageSize {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

interface DefinitionBase<Schema extends z.ZodObject> {
  readonly name: string;
  /** Dotted names in configurations are `torchvision.transforms[.v2].NAME` unless this says otherwise. */
  readonly namespace?: "torchvision" | "classifier_training";
  /** `import.meta.url` of the defining module: needed outside this package, so that workers find it. */
  readonly module?: string;
  /** Options by their camelCase names, in torchvision's positional order. */
  readonly options: Schema;
}

/** A random transform of one image: how its parameters are sampled, and how they are applied. */
export interface TransformDefinition<Schema extends z.ZodObject, Params> extends DefinitionBase<Schema> {
  /** Samples the parameters for an image of this size; `undefined` leaves the image as it is. */
  readonly sample: (options: z.output<Schema>, rng: Rng, image: ImageSize) => Params | undefined;
  readonly apply: (image: Image, params: Params, options: z.output<Schema>, rng: Rng) => Image | Promise<Image>;
}

/** A deterministic transform. */
export interface FixedDefinition<Schema extends z.ZodObject> extends DefinitionBase<Schema> {
  readonly apply: (image: Image, options: z.output<Schema>) => Image | Promise<Image>;
}

/** A transform made of others. */
export interface ContainerDefinition<Schema extends z.ZodObject> extends DefinitionBase<Schema> {
  readonly run: (
    image: Image,
    options: z.output<Schema>,
    context: TransformContext,
    rng: Rng,
  ) => Image | Promise<Image>;
}

/** Makes transforms of one kind. */
export interface TransformFactory<Schema extends z.ZodObject = z.ZodObject, Params = unknown> {
  (
    ...options: Record<never, never> extends z.input<Schema> ? [options?: z.input<Schema>] : [options: z.input<Schema>]
  ): Transform;
  readonly transformName: string;
  readonly namespace: "torchvision" | "classifier_training";
  readonly schema: Schema;
  /** Samples parameters as the transform does: for tests of distributions. */
  sample(options: z.input<Schema>, rng: Rng, image: ImageSize): Params | undefined;
  /** Builds from untyped options, naming wrong ones in the given style. */
  build(options: unknown): Transform;
}

/** Every transform that this process has defined, by name: what a file may name (`buildNamedTransform`). */
export const definedTransforms = new Map<string, { readonly transformName: string }>();

export function rngOf({ key, path }: TransformContext): Rng {
  return Rng.at(...key, path);
}

/** Defines a random transform. */
export function defineTransform<Schema extends z.ZodObject, Params>(
  definition: TransformDefinition<Schema, Params>,
): TransformFactory<Schema, Params> {
  const { sample, apply } = definition;
  return factory(
    definition,
    (image, options, context) => {
      const rng = rngOf(context);
      const params = sample(options, rng, image);
      return params === undefined ? image : apply(image, params, options, rng);
    },
    sample,
  );
}

/** Defines a transform without randomness. */
export function defineFixedTransform<Schema extends z.ZodObject>(
  definition: FixedDefinition<Schema>,
): TransformFactory<Schema, undefined> {
  return factory(
    definition,
    (image, options) => definition.apply(image, options),
    () => undefined,
  );
}

/** Defines a transform that runs others; it hands them `childContext`s. */
export function defineContainer<Schema extends z.ZodObject>(
  definition: ContainerDefinition<Schema>,
): TransformFactory<Schema, undefined> {
  return factory(
    definition,
    (image, options, context) => definition.run(image, options, context, rngOf(context)),
    () => undefined,
  );
}

function factory<Schema extends z.ZodObject, Params>(
  definition: DefinitionBase<Schema>,
  run: (image: Image, options: z.output<Schema>, context: TransformContext) => Image | Promise<Image>,
  sample: (options: z.output<Schema>, rng: Rng, image: ImageSize) => Params | undefined,
): TransformFactory<Schema, Params> {
  const { name, options: schema, namespace = "torchvision", module } = definition;
  const parse = (given: unknown) => parseOptions(name, schema, given, optionsError);
  const build = (given: unknown = {}): Transform => {
    const options = parse(given);
    return {
      name,
      options,
      spec: {
        transform: name,
        ...(module === undefined ? {} : { module }),
        options: toPlain(given) as TransformSpec["options"],
      },
      run: (image, context) => run(image, options, context),
    };
  };
  const made = Object.assign((options?: z.input<Schema>) => build(options), {
    transformName: name,
    namespace,
    schema,
    build,
    sample: (options: z.input<Schema>, rng: Rng, image: ImageSize) => sample(parse(options), rng, image),
  }) as TransformFactory<Schema, Params>;
  definedTransforms.set(name, made);
  return made;
}

function optionsError(problem: Omit<Problem, "code">): ImageError {
  return new ImageError({ code: "image/transform-options", ...problem });
}

/** Options as plain data: transforms among them become their specs. */
function toPlain(value: unknown): unknown {
  if (isTransform(value)) return value.spec;
  if (Array.isArray(value)) return value.map(toPlain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, toPlain(entry)]));
}

export function isTransform(value: unknown): value is Transform {
  // A function: what was read from a file is never taken for one.
  return (
    typeof value === "object" && value !== null && "spec" in value && "run" in value && typeof value.run === "function"
  );
}

/** An option that holds other transforms. */
export const transformOption = z.custom<Transform>(isTransform, "must be a transform");

/** Runs transforms one after the other; intermediate pixels go back to the pool. */
export function runAll(
  transforms: readonly Transform[],
  image: Image,
  context: TransformContext,
  start = 0,
): Image | Promise<Image> {
  let current = image;
  for (let i = start; i < transforms.length; i++) {
    const path = context.path === "" ? String(i) : `${context.path}.${i}`;
    const made = (transforms[i] as Transform).run(current, { key: context.key, path });
    if (made instanceof Promise) {
      const given = current;
      return made.then((next) => {
        if (given !== image && given.data !== next.data) recycle(given.data);
        return runAll(transforms, next, context, i + 1);
      });
    }
    if (current !== image && current.data !== made.data && current.data !== image.data) recycle(current.data);
    current = made;
  }
  return current;
}
