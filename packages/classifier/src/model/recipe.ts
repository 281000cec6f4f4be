import { CtError, parseOptions, snakeCase } from "@classifier-training/base";
import { numberReaders } from "@classifier-training/jersey";
import { loadCheckpoint, refuseNonFiniteWeights } from "@classifier-training/lightning";
import { checkLabelsMapping, type LabelsMapping } from "@classifier-training/runs";
import type { Tensor } from "@classifier-training/torch";
import {
  createModel,
  type ImageModel,
  type ModelDefinition,
  modelDefinition,
  registerModel,
} from "@classifier-training/vision";
import { z } from "zod";
import { ClassificationModel } from "./classification-model.ts";
import { networkOfRecord } from "./file/skeleton.ts";
import { type ClassificationModelOptions, classificationModelOptionsSchema } from "./options.ts";

for (const definition of numberReaders) registerModel(definition);

/** What a checkpoint carries so that its network and its preprocessing can be built without a configuration. */
export interface ModelRecipe {
  readonly backbone: string;
  readonly options: ClassificationModelOptions;
  readonly labels: LabelsMapping;
  /** Of a network that is not in the zoo: a file's, without its weights. */
  readonly file?: unknown;
}

export interface OpenedCheckpoint {
  readonly model: ClassificationModel;
  readonly recipe: ModelRecipe;
}

/**
 * The classifier that a checkpoint holds, in eval mode.
 * @throws CtError for a file that is not a checkpoint of a classifier of this project
 */
export function openCheckpoint(path: string): OpenedCheckpoint {
  const checkpoint = loadCheckpoint(path);
  const stored = checkpoint["classifier"];
  if (stored === undefined) {
    throw new CtError({
      code: "classifier/checkpoint",
      what: "the checkpoint has no classifier",
      where: path,
      fix: "give a checkpoint that `classifier train` wrote",
    });
  }
  const recipe = checkRecipe(stored, path);
  const { backbone, options, file } = recipe;
  const build = (numClasses: number): ImageModel => {
    if (file === undefined) return buildBackbone(backbone, options, numClasses);
    const weightBytes = [...checkpoint.stateDict.values()].reduce((sum, { numel }) => sum + 4 * numel, 0);
    return networkOfRecord(file, { numClasses, dropout: options.dropout ?? 0, weightBytes, where: path });
  };
  if (file === undefined) checkWidth(recipe, checkpoint.stateDict, path);
  const model = new ClassificationModel(options, backbone, build);
  refuseNonFiniteWeights(checkpoint.stateDict, model, path);
  // Of the loss there is nothing in the recipe.
  model.loadStateDict(new Map([...checkpoint.stateDict].filter(([key]) => !key.startsWith("criterion."))));
  model.eval();
  return { model, recipe };
}

/** Options that are younger than the file have their defaults. */
const recipeSchema = z.looseObject({
  backbone: z.string(),
  options: classificationModelOptionsSchema,
  labels: z.unknown(),
  file: z.unknown().optional(),
});

function checkRecipe(stored: unknown, path: string): ModelRecipe {
  const name = "the checkpoint's description of its classifier is not valid";
  const recipe = parseOptions(name, recipeSchema, stored, ({ what, cause }) => {
    const fix = "train again, or export the run's own `model.onnx`";
    return new CtError({ code: "classifier/checkpoint", what, where: path, fix, cause });
  });
  const { backbone, options } = recipe;
  const labels = checkLabelsMapping(recipe.labels, path);
  if (options.numClasses !== labels.num_classes) {
    throw new CtError({
      code: "classifier/checkpoint",
      what: `the checkpoint's network has ${options.numClasses} classes, and its labels name ${labels.num_classes}`,
      where: path,
    });
  }
  return { backbone, options, labels, file: recipe.file };
}

/** Before a network of that width takes memory: the file's own first convolution says how wide it is. */
function checkWidth({ options }: ModelRecipe, weights: ReadonlyMap<string, Tensor>, path: string): void {
  const [channels = options.width] = weights.get("model.conv1.weight")?.shape ?? [];
  if (channels === options.width) return;
  throw new CtError({
    code: "classifier/checkpoint",
    what: `the checkpoint describes a network of width ${options.width}, and its first convolution has ${channels} channels`,
    where: path,
    fix: "give a checkpoint that `classifier train` wrote",
  });
}

/**
 * A network of the zoo with those of the options that are its own.
 * @throws CtError for an option that it does not have, and for images that it cannot take
 */
export function buildBackbone(backbone: string, options: ClassificationModelOptions, numClasses: number): ImageModel {
  const definition = modelDefinition(backbone);
  const { imageSize } = options;
  if (imageSize !== null) checkImageSize(definition, imageSize);
  const size = definition.patchSize === undefined ? null : imageSize;
  const given = refuseForeignOptions(backbone, { ...options, imageSize: size }, Object.keys(definition.options.shape));
  return createModel(backbone, { numClasses, ...given });
}

/**
 * The options of a network itself that were given.
 * @param own those that it has
 * @throws CtError for one that it does not have
 */
export function refuseForeignOptions(
  backbone: string,
  options: ClassificationModelOptions,
  own: readonly string[],
): Record<string, unknown> {
  const { stem, width, dropout, stochasticDepth, attentionDropout, imageSize } = options;
  const given = Object.entries({
    stem: stem === "small" ? stem : null,
    width: width === 64 ? null : width,
    dropout,
    stochasticDepth,
    attentionDropout,
    imageSize,
  }).filter(([, value]) => value !== null);
  const foreign = given.map(([name]) => name).find((name) => !own.includes(name));
  if (foreign !== undefined) {
    const names = own.filter((name) => name !== "numClasses" && name in options).map(snakeCase);
    throw new CtError({
      code: "classifier/network-options",
      what: `${backbone} has no ${snakeCase(foreign)}`,
      where: `model.${snakeCase(foreign)}`,
      fix: names.length === 0 ? "leave it out" : `leave it out; of these options it has ${names.join(", ")}`,
    });
  }
  return Object.fromEntries(given);
}

/** @throws CtError when images of that side, in pixels, are too small for a network, or not made of whole patches */
export function checkImageSize({ name, minSize, patchSize = 1 }: ModelDefinition, size: number): void {
  if (size >= minSize && size % patchSize === 0) return;
  const below = Math.floor(size / patchSize) * patchSize;
  const sizes = (below >= minSize ? [below, below + patchSize] : [minSize]).map((side) => `data.image_size=${side}`);
  const expected =
    patchSize === 1 ? `at least ${minSize} px` : `a multiple of ${patchSize} px, the side of its patches`;
  throw new CtError({
    code: "classifier/image-size",
    what: `images for ${name}: expected ${expected}, received ${size} px`,
    where: "data.image_size",
    fix: `use ${sizes.join(" or ")}`,
  });
}
