import { importModule } from "@classifier-training/base";
import { type Image, recycle } from "@classifier-training/image";
import { VisionError } from "../errors.ts";
import type { ImageSource, ImageStep, SteppedSpec } from "./source-spec.ts";

/** What a step does; it never modifies the pixels that it is given. */
export interface ImageStepFunctions {
  /** @param index of the image in the dataset @returns a new image, or the given one where nothing changes */
  apply(image: Image, index: number): Image;
  /** Whether an image needs the step now. Others may be decoded in part (a crop). */
  appliesTo?(index: number): boolean;
}

export interface ImageStepDefinition<Options> {
  /** Names it in cache keys, together with its options. */
  readonly name: string;
  /** `import.meta.url` of the defining module: worker threads import it. */
  readonly module: string;
  create(options: Options): ImageStepFunctions;
}

const definitions = new Map<string, ImageStepDefinition<never>>();

/** Defines a step for `ImageDataset.withStep`. @returns what makes steps of this kind */
export function defineImageStep<Options>(definition: ImageStepDefinition<Options>): (options: Options) => ImageStep {
  const { name, module } = definition;
  definitions.set(keyOf(definition), definition);
  return (options) => ({ name, module, options });
}

const keyOf = ({ name, module }: { readonly name: string; readonly module: string }) => `${module}#${name}`;

/** @throws VisionError when the step's module does not define it */
export async function steppedSource({ step }: SteppedSpec, inner: ImageSource): Promise<ImageSource> {
  const key = keyOf(step);
  if (!definitions.has(key)) await importModule(step.module);
  const definition = definitions.get(key);
  if (definition === undefined) {
    throw new VisionError({
      code: "vision/image-step",
      what: `expected the module to define the image step '${step.name}'`,
      where: step.module,
      fix: "set `module: import.meta.url` in its definition",
    });
  }
  const { apply, appliesTo } = definition.create(step.options as never);
  return {
    nameOf: (index) => inner.nameOf(index),
    async read(index, regionOf) {
      if (appliesTo?.(index) === false) return inner.read(index, regionOf);
      const image = await inner.read(index);
      const made = apply(image, index);
      if (made !== image) recycle(image.data);
      return made;
    },
  };
}
