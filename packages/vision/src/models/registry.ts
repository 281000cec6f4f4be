import { suggestion } from "@classifier-training/base";
import { ConvNeXt, convNeXtOptionsSchema } from "./convnext.ts";
import { defineModel, type ModelDefinition, type ModelOptions } from "./definition.ts";
import { EfficientNet, type EfficientNetConfig, efficientNetOptionsSchema } from "./efficientnet.ts";
import { ModelError } from "./errors.ts";
import type { ImageModel } from "./image-model.ts";
import { MobileNetV3, mobileNetV3OptionsSchema } from "./mobilenet-v3.ts";
import { publishedWeights } from "./published-weights.ts";
import { ResNet, type ResNetConfig, resNetOptionsSchema } from "./resnet.ts";
import { convNeXtKeys, efficientNetKeys, mobileNetV3Keys, visionTransformerKeys } from "./timm-keys.ts";
import { VisionTransformer, visionTransformerOptionsSchema } from "./vision-transformer.ts";

type Name = keyof typeof publishedWeights;

function resNet(name: Name, parameters: number, config: ResNetConfig): ModelDefinition {
  const build = (options: ConstructorParameters<typeof ResNet>[1]) => new ResNet(config, options);
  return defineModel({
    name,
    family: "resnet",
    parameters,
    options: resNetOptionsSchema,
    weights: publishedWeights[name],
    build,
  });
}

function efficientNet(name: Name, parameters: number, config: EfficientNetConfig): ModelDefinition {
  return defineModel({
    name,
    family: "efficientnet",
    parameters,
    options: efficientNetOptionsSchema,
    weights: publishedWeights[name],
    fromTimm: efficientNetKeys,
    build: (options) => new EfficientNet(config, options),
  });
}

const yes = true;
const no = false;

const definitions: readonly ModelDefinition[] = [
  resNet("resnet18", 11_689_512, { block: "basic", layers: [2, 2, 2, 2] }),
  resNet("resnet34", 21_797_672, { block: "basic", layers: [3, 4, 6, 3] }),
  resNet("resnet50", 25_557_032, { block: "bottleneck", layers: [3, 4, 6, 3] }),
  resNet("resnet101", 44_549_160, { block: "bottleneck", layers: [3, 4, 23, 3] }),
  resNet("resnet152", 60_192_808, { block: "bottleneck", layers: [3, 8, 36, 3] }),
  resNet("resnext50_32x4d", 25_028_904, { block: "bottleneck", layers: [3, 4, 6, 3], groups: 32, widthPerGroup: 4 }),
  resNet("resnext101_32x8d", 88_791_336, { block: "bottleneck", layers: [3, 4, 23, 3], groups: 32, widthPerGroup: 8 }),
  resNet("resnext101_64x4d", 83_455_272, { block: "bottleneck", layers: [3, 4, 23, 3], groups: 64, widthPerGroup: 4 }),
  resNet("wide_resnet50_2", 68_883_240, { block: "bottleneck", layers: [3, 4, 6, 3], widthPerGroup: 128 }),
  resNet("wide_resnet101_2", 126_886_696, { block: "bottleneck", layers: [3, 4, 23, 3], widthPerGroup: 128 }),
  defineModel({
    name: "mobilenet_v3_small",
    family: "mobilenet_v3",
    parameters: 2_542_856,
    options: mobileNetV3OptionsSchema,
    weights: publishedWeights.mobilenet_v3_small,
    fromTimm: mobileNetV3Keys([1, 2, 3, 2, 3], [yes, no, no, yes, yes, yes, yes, yes, yes, yes, yes]),
    timmBatchNormEps: 1e-5,
    build: (options) => new MobileNetV3("small", options),
  }),
  defineModel({
    name: "mobilenet_v3_large",
    family: "mobilenet_v3",
    parameters: 5_483_032,
    options: mobileNetV3OptionsSchema,
    weights: publishedWeights.mobilenet_v3_large,
    fromTimm: mobileNetV3Keys([1, 2, 3, 4, 2, 3], [no, no, no, yes, yes, yes, no, no, no, no, yes, yes, yes, yes, yes]),
    timmBatchNormEps: 1e-5,
    build: (options) => new MobileNetV3("large", options),
  }),
  efficientNet("efficientnet_b0", 5_288_548, { width: 1, depth: 1, dropout: 0.2 }),
  efficientNet("efficientnet_b1", 7_794_184, { width: 1, depth: 1.1, dropout: 0.2 }),
  efficientNet("efficientnet_b2", 9_109_994, { width: 1.1, depth: 1.2, dropout: 0.3 }),
  efficientNet("efficientnet_b3", 12_233_232, { width: 1.2, depth: 1.4, dropout: 0.3 }),
  defineModel({
    name: "convnext_tiny",
    family: "convnext",
    parameters: 28_589_128,
    options: convNeXtOptionsSchema,
    weights: publishedWeights.convnext_tiny,
    fromTimm: convNeXtKeys,
    build: (options) =>
      new ConvNeXt({ channels: [96, 192, 384, 768], depths: [3, 3, 9, 3], stochasticDepth: 0.1 }, options),
  }),
  defineModel({
    name: "vit_b_16",
    family: "vision_transformer",
    parameters: 86_567_656,
    minSize: 16,
    options: visionTransformerOptionsSchema,
    weights: publishedWeights.vit_b_16,
    fromTimm: visionTransformerKeys,
    build: (options) =>
      new VisionTransformer({ patchSize: 16, layers: 12, heads: 12, hidden: 768, mlp: 3072 }, options),
  }),
];

const byName = new Map(definitions.map((definition) => [definition.name, definition]));

/** Adds a model of your own: from then on `createModel` and the configuration know its name. */
export function registerModel(definition: ModelDefinition): void {
  byName.set(definition.name, definition);
}

/** Names of the models that can be made. */
export function listModels(): string[] {
  return [...byName.keys()];
}

/**
 * What is known of a model without making it.
 * @throws ModelError `models/unknown`, naming the nearest.
 */
export function modelDefinition(name: string): ModelDefinition {
  const definition = byName.get(name);
  if (definition !== undefined) return definition;
  throw new ModelError({
    code: "models/unknown",
    what: `unknown model '${name}'`,
    fix: suggestion(name, listModels()),
  });
}

/**
 * Makes a model with torchvision's initialization.
 * @param options What the model's schema takes: `numClasses` (default 1000) in all of them.
 * @throws ModelError for an unknown name or option.
 */
export function createModel(name: string, options: ModelOptions = {}): ImageModel {
  return modelDefinition(name).build(options);
}
