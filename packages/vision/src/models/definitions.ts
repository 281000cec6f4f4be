import { ConvNeXt, type ConvNeXtConfig, convNeXtOptionsSchema } from "./convnext.ts";
import { defineModel, type ModelDefinition } from "./definition.ts";
import { DenseNet, denseNetOptionsSchema } from "./densenet.ts";
import {
  EfficientNet,
  type EfficientNetConfig,
  efficientNetOptionsSchema,
  efficientNetV2Small,
  scaledEfficientNet,
} from "./efficientnet.ts";
import { MobileNetV2, mobileNetV2OptionsSchema } from "./mobilenet-v2.ts";
import { MobileNetV3, mobileNetV3OptionsSchema } from "./mobilenet-v3.ts";
import { publishedWeights } from "./published-weights.ts";
import { RegNet, type RegNetConfig, regNetOptionsSchema } from "./regnet.ts";
import { ResNet, type ResNetConfig, resNetOptionsSchema } from "./resnet.ts";
import { SwinTransformer, swinTransformerOptionsSchema } from "./swin-transformer.ts";
import {
  convNeXtKeys,
  efficientNetKeys,
  mobileNetV2Keys,
  mobileNetV3Keys,
  regNetKeys,
  swinTransformerKeys,
  visionTransformerKeys,
} from "./timm-keys.ts";
import {
  TimmVisionTransformer,
  type TimmVisionTransformerConfig,
  timmVisionTransformerOptionsSchema,
} from "./timm-vision-transformer.ts";
import { VisionTransformer, visionTransformerOptionsSchema } from "./vision-transformer.ts";

type Name = keyof typeof publishedWeights;

function resNet(name: Name, parameters: number, config: ResNetConfig): ModelDefinition {
  return defineModel({
    name,
    family: "resnet",
    parameters,
    options: resNetOptionsSchema,
    weights: publishedWeights[name],
    timmName: name,
    build: (options) => new ResNet(config, options),
  });
}

/** timm's batch normalizations have PyTorch's epsilon in all of them, torchvision's only up to B4. */
function efficientNet(name: Name, parameters: number, config: EfficientNetConfig): ModelDefinition {
  return defineModel({
    name,
    family: "efficientnet",
    parameters,
    options: efficientNetOptionsSchema,
    weights: publishedWeights[name],
    timmName: name,
    fromTimm: efficientNetKeys,
    ...(config.norm !== undefined && { timmBatchNormEps: 1e-5 }),
    build: (options) => new EfficientNet(config, options),
  });
}

function convNeXt(name: Name, parameters: number, config: ConvNeXtConfig): ModelDefinition {
  return defineModel({
    name,
    family: "convnext",
    parameters,
    minSize: 32,
    options: convNeXtOptionsSchema,
    weights: publishedWeights[name],
    timmName: name,
    fromTimm: convNeXtKeys,
    build: (options) => new ConvNeXt(config, options),
  });
}

function regNet(name: Name, timmName: string, parameters: number, config: RegNetConfig): ModelDefinition {
  return defineModel({
    name,
    family: "regnet",
    parameters,
    options: regNetOptionsSchema,
    weights: publishedWeights[name],
    timmName,
    fromTimm: regNetKeys,
    build: (options) => new RegNet(config, options),
  });
}

function timmVisionTransformer(name: Name, parameters: number, config: TimmVisionTransformerConfig): ModelDefinition {
  return defineModel({
    name,
    family: "vision_transformer",
    library: "timm",
    parameters,
    patchSize: config.patchSize,
    minSize: config.patchSize,
    options: timmVisionTransformerOptionsSchema,
    weights: publishedWeights[name],
    timmName: name,
    build: (options) => new TimmVisionTransformer(config, options),
  });
}

const yes = true;
const no = false;
/** torchvision's B5 to B7 have the normalization of the TensorFlow original. */
const original = { eps: 1e-3, momentum: 0.01 };
const small = { layers: 12, heads: 6, hidden: 384 };

/** The models that are built in, from small to large within a family. */
export const definitions: readonly ModelDefinition[] = [
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
    name: "mobilenet_v2",
    family: "mobilenet_v2",
    parameters: 3_504_872,
    options: mobileNetV2OptionsSchema,
    weights: publishedWeights.mobilenet_v2,
    timmName: "mobilenetv2_100",
    fromTimm: mobileNetV2Keys,
    build: (options) => new MobileNetV2(options),
  }),
  defineModel({
    name: "mobilenet_v3_small",
    family: "mobilenet_v3",
    parameters: 2_542_856,
    options: mobileNetV3OptionsSchema,
    weights: publishedWeights.mobilenet_v3_small,
    timmName: "mobilenetv3_small_100",
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
    timmName: "mobilenetv3_large_100",
    fromTimm: mobileNetV3Keys([1, 2, 3, 4, 2, 3], [no, no, no, yes, yes, yes, no, no, no, no, yes, yes, yes, yes, yes]),
    timmBatchNormEps: 1e-5,
    build: (options) => new MobileNetV3("large", options),
  }),
  efficientNet("efficientnet_b0", 5_288_548, { stages: scaledEfficientNet(1, 1), dropout: 0.2 }),
  efficientNet("efficientnet_b1", 7_794_184, { stages: scaledEfficientNet(1, 1.1), dropout: 0.2 }),
  efficientNet("efficientnet_b2", 9_109_994, { stages: scaledEfficientNet(1.1, 1.2), dropout: 0.3 }),
  efficientNet("efficientnet_b3", 12_233_232, { stages: scaledEfficientNet(1.2, 1.4), dropout: 0.3 }),
  efficientNet("efficientnet_b4", 19_341_616, { stages: scaledEfficientNet(1.4, 1.8), dropout: 0.4 }),
  efficientNet("efficientnet_b5", 30_389_784, { stages: scaledEfficientNet(1.6, 2.2), dropout: 0.4, norm: original }),
  efficientNet("efficientnet_b6", 43_040_704, { stages: scaledEfficientNet(1.8, 2.6), dropout: 0.5, norm: original }),
  efficientNet("efficientnet_b7", 66_347_960, { stages: scaledEfficientNet(2, 3.1), dropout: 0.5, norm: original }),
  defineModel({
    name: "efficientnet_v2_s",
    family: "efficientnet",
    parameters: 21_458_488,
    options: efficientNetOptionsSchema,
    weights: publishedWeights.efficientnet_v2_s,
    build: (options) =>
      new EfficientNet({ stages: efficientNetV2Small, lastChannels: 1280, dropout: 0.2, norm: { eps: 1e-3 } }, options),
  }),
  convNeXt("convnext_tiny", 28_589_128, {
    channels: [96, 192, 384, 768],
    depths: [3, 3, 9, 3],
    stochasticDepth: 0.1,
  }),
  convNeXt("convnext_small", 50_223_688, {
    channels: [96, 192, 384, 768],
    depths: [3, 3, 27, 3],
    stochasticDepth: 0.4,
  }),
  convNeXt("convnext_base", 88_591_464, {
    channels: [128, 256, 512, 1024],
    depths: [3, 3, 27, 3],
    stochasticDepth: 0.5,
  }),
  regNet("regnet_y_400mf", "regnety_004", 4_344_144, {
    depths: [1, 3, 6, 6],
    widths: [48, 104, 208, 440],
    groupWidth: 8,
  }),
  // timm's own regnety_008 is another network
  regNet("regnet_y_800mf", "regnety_008_tv", 6_432_512, {
    depths: [1, 3, 8, 2],
    widths: [64, 144, 320, 784],
    groupWidth: 16,
  }),
  defineModel({
    name: "densenet121",
    family: "densenet",
    parameters: 7_978_856,
    minSize: 29,
    options: denseNetOptionsSchema,
    weights: publishedWeights.densenet121,
    timmName: "densenet121",
    build: (options) => new DenseNet({ growthRate: 32, blocks: [6, 12, 24, 16], stem: 64 }, options),
  }),
  defineModel({
    name: "swin_t",
    family: "swin_transformer",
    parameters: 28_288_354,
    minSize: 4,
    options: swinTransformerOptionsSchema,
    weights: publishedWeights.swin_t,
    timmName: "swin_tiny_patch4_window7_224",
    fromTimm: swinTransformerKeys,
    build: (options) =>
      new SwinTransformer({ channels: 96, depths: [2, 2, 6, 2], heads: [3, 6, 12, 24], stochasticDepth: 0.2 }, options),
  }),
  defineModel({
    name: "vit_b_16",
    family: "vision_transformer",
    parameters: 86_567_656,
    patchSize: 16,
    minSize: 16,
    options: visionTransformerOptionsSchema,
    weights: publishedWeights.vit_b_16,
    timmName: "vit_base_patch16_224",
    fromTimm: visionTransformerKeys,
    build: (options) =>
      new VisionTransformer({ patchSize: 16, layers: 12, heads: 12, hidden: 768, mlp: 3072 }, options),
  }),
  timmVisionTransformer("vit_tiny_patch16_224", 5_717_416, {
    patchSize: 16,
    layers: 12,
    heads: 3,
    hidden: 192,
    imageSize: 224,
  }),
  timmVisionTransformer("vit_small_patch16_224", 22_050_664, { ...small, patchSize: 16, imageSize: 224 }),
  timmVisionTransformer("vit_small_patch14_dinov2", 22_441_192, {
    ...small,
    patchSize: 14,
    imageSize: 518,
    layerScale: 1e-5,
  }),
];
