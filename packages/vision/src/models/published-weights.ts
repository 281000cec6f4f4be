import { imagenetMean, imagenetStd } from "@classifier-training/image";

/** How an image becomes a model's input: shorter side to `resize`, center crop, [0, 1], then (x - mean) / std. */
export interface Preprocessing {
  /** Length of the shorter side after resizing, pixels. */
  readonly resize: number;
  /** Side of the center crop, pixels. */
  readonly crop: number;
  readonly interpolation: "bilinear" | "bicubic";
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** Weights that torchvision, or timm on the Hugging Face hub, publishes for a model. */
export interface PublishedWeights {
  readonly name: string;
  /** A source for `fetchWeights`. */
  readonly url: string;
  /** ImageNet-1K validation accuracy in percent, as torchvision or timm states it; undefined without a head. */
  readonly top1: number | undefined;
  readonly top5: number | undefined;
  /** 0 for weights without a head. */
  readonly numClasses: number;
  /** Side of the square input, for models that are built for one size. */
  readonly imageSize?: number;
  readonly license: string;
  readonly preprocessing: Preprocessing;
}

interface Geometry {
  readonly resize?: number;
  readonly crop?: number;
  readonly bicubic?: boolean;
  readonly imageSize?: number;
  readonly license?: string;
}

function published(name: string, file: string, top1: number, top5: number, geometry: Geometry = {}): PublishedWeights {
  const { resize = 256, crop = 224, bicubic = false, imageSize, license = "BSD-3-Clause" } = geometry;
  return {
    name,
    url: `https://download.pytorch.org/models/${file}`,
    top1,
    top5,
    numClasses: 1000,
    ...(imageSize === undefined ? {} : { imageSize }),
    license,
    preprocessing: {
      resize,
      crop,
      interpolation: bicubic ? "bicubic" : "bilinear",
      mean: imagenetMean,
      std: imagenetStd,
    },
  };
}

const v1 = (file: string, top1: number, top5: number, geometry?: Geometry) =>
  published("IMAGENET1K_V1", file, top1, top5, geometry);
/** The second generation is evaluated after a resize to 232. */
const v2 = (file: string, top1: number, top5: number, geometry: Geometry = { resize: 232 }) =>
  published("IMAGENET1K_V2", file, top1, top5, geometry);

const half = [0.5, 0.5, 0.5] as const;

/** timm's ViTs of "How to train your ViT?" (arXiv:2106.10270): images in [-1, 1]. */
const augReg = (model: string, tag: string, top1: number, top5: number): PublishedWeights => ({
  name: tag,
  url: `timm/${model}.${tag}`,
  top1,
  top5,
  numClasses: 1000,
  imageSize: 224,
  license: "Apache-2.0",
  preprocessing: { resize: 248, crop: 224, interpolation: "bicubic", mean: half, std: half },
});

/** Published weights by model; the last of each list is torchvision's `DEFAULT`. */
export const publishedWeights = {
  resnet18: [v1("resnet18-f37072fd.pth", 69.758, 89.078)],
  resnet34: [v1("resnet34-b627a593.pth", 73.314, 91.42)],
  resnet50: [v1("resnet50-0676ba61.pth", 76.13, 92.862), v2("resnet50-11ad3fa6.pth", 80.858, 95.434)],
  resnet101: [v1("resnet101-63fe2227.pth", 77.374, 93.546), v2("resnet101-cd907fc2.pth", 81.886, 95.78)],
  resnet152: [v1("resnet152-394f9c45.pth", 78.312, 94.046), v2("resnet152-f82ba261.pth", 82.284, 96.002)],
  resnext50_32x4d: [
    v1("resnext50_32x4d-7cdf4587.pth", 77.618, 93.698),
    v2("resnext50_32x4d-1a0047aa.pth", 81.198, 95.34),
  ],
  resnext101_32x8d: [
    v1("resnext101_32x8d-8ba56ff5.pth", 79.312, 94.526),
    v2("resnext101_32x8d-110c445d.pth", 82.834, 96.228),
  ],
  resnext101_64x4d: [v1("resnext101_64x4d-173b62eb.pth", 83.246, 96.454, { resize: 232 })],
  wide_resnet50_2: [
    v1("wide_resnet50_2-95faca4d.pth", 78.468, 94.086),
    v2("wide_resnet50_2-9ba9bcbe.pth", 81.602, 95.758),
  ],
  wide_resnet101_2: [
    v1("wide_resnet101_2-32ee1156.pth", 78.848, 94.284),
    v2("wide_resnet101_2-d733dc28.pth", 82.51, 96.02),
  ],
  mobilenet_v2: [v1("mobilenet_v2-b0353104.pth", 71.878, 90.286), v2("mobilenet_v2-7ebf99e0.pth", 72.154, 90.822)],
  mobilenet_v3_small: [v1("mobilenet_v3_small-047dcff4.pth", 67.668, 87.402)],
  mobilenet_v3_large: [
    v1("mobilenet_v3_large-8738ca79.pth", 74.042, 91.34),
    v2("mobilenet_v3_large-5c1a4163.pth", 75.274, 92.566),
  ],
  efficientnet_b0: [v1("efficientnet_b0_rwightman-7f5810bc.pth", 77.692, 93.532, { bicubic: true })],
  efficientnet_b1: [
    v1("efficientnet_b1_rwightman-bac287d4.pth", 78.642, 94.186, { crop: 240, bicubic: true }),
    v2("efficientnet_b1-c27df63c.pth", 79.838, 94.934, { resize: 255, crop: 240 }),
  ],
  efficientnet_b2: [
    v1("efficientnet_b2_rwightman-c35c1473.pth", 80.608, 95.31, { resize: 288, crop: 288, bicubic: true }),
  ],
  efficientnet_b3: [
    v1("efficientnet_b3_rwightman-b3899882.pth", 82.008, 96.054, { resize: 320, crop: 300, bicubic: true }),
  ],
  efficientnet_b4: [
    v1("efficientnet_b4_rwightman-23ab8bcd.pth", 83.384, 96.594, { resize: 384, crop: 380, bicubic: true }),
  ],
  efficientnet_b5: [
    v1("efficientnet_b5_lukemelas-1a07897c.pth", 83.444, 96.628, { resize: 456, crop: 456, bicubic: true }),
  ],
  efficientnet_b6: [
    v1("efficientnet_b6_lukemelas-24a108a5.pth", 84.008, 96.916, { resize: 528, crop: 528, bicubic: true }),
  ],
  efficientnet_b7: [
    v1("efficientnet_b7_lukemelas-c5b4e57e.pth", 84.122, 96.908, { resize: 600, crop: 600, bicubic: true }),
  ],
  efficientnet_v2_s: [v1("efficientnet_v2_s-dd5fe13b.pth", 84.228, 96.878, { resize: 384, crop: 384 })],
  convnext_tiny: [v1("convnext_tiny-983f1562.pth", 82.52, 96.146, { resize: 236 })],
  convnext_small: [v1("convnext_small-0c510722.pth", 83.616, 96.65, { resize: 230 })],
  convnext_base: [v1("convnext_base-6075fbad.pth", 84.062, 96.87, { resize: 232 })],
  regnet_y_400mf: [
    v1("regnet_y_400mf-c65dace8.pth", 74.046, 91.716),
    v2("regnet_y_400mf-e6988f5f.pth", 75.804, 92.742),
  ],
  regnet_y_800mf: [v1("regnet_y_800mf-1b27b58c.pth", 76.42, 93.136), v2("regnet_y_800mf-58fc7688.pth", 78.828, 94.502)],
  densenet121: [v1("densenet121-a639ec97.pth", 74.434, 91.972)],
  swin_t: [v1("swin_t-704ceda3.pth", 81.474, 95.776, { resize: 232, bicubic: true })],
  vit_b_16: [
    published("IMAGENET1K_SWAG_E2E_V1", "vit_b_16_swag-9ac1b537.pth", 85.304, 97.65, {
      resize: 384,
      crop: 384,
      bicubic: true,
      imageSize: 384,
      license: "CC-BY-NC-4.0",
    }),
    published("IMAGENET1K_SWAG_LINEAR_V1", "vit_b_16_lc_swag-4e70ced5.pth", 81.886, 96.18, {
      resize: 224,
      bicubic: true,
      imageSize: 224,
      license: "CC-BY-NC-4.0",
    }),
    v1("vit_b_16-c867db91.pth", 81.072, 95.318, { imageSize: 224 }),
  ],
  vit_tiny_patch16_224: [augReg("vit_tiny_patch16_224", "augreg_in21k_ft_in1k", 75.452, 92.858)],
  vit_small_patch16_224: [
    augReg("vit_small_patch16_224", "augreg_in1k", 78.842, 94.28),
    augReg("vit_small_patch16_224", "augreg_in21k_ft_in1k", 81.402, 96.15),
  ],
  vit_small_patch14_dinov2: [
    {
      name: "lvd142m",
      url: "timm/vit_small_patch14_dinov2.lvd142m",
      top1: undefined,
      top5: undefined,
      numClasses: 0,
      imageSize: 518,
      license: "Apache-2.0",
      preprocessing: { resize: 518, crop: 518, interpolation: "bicubic", mean: imagenetMean, std: imagenetStd },
    },
  ],
} as const satisfies Record<string, readonly PublishedWeights[]>;
