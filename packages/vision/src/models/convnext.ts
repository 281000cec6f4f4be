import { full, nn, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import { Permute } from "./blocks.ts";
import { ImageModel, type Stage } from "./image-model.ts";

export interface ConvNeXtConfig {
  readonly channels: readonly number[];
  readonly depths: readonly number[];
  readonly stochasticDepth: number;
}

export const convNeXtOptionsSchema = z.strictObject({
  numClasses: z.int().positive().default(1000),
  stochasticDepth: z.number().min(0).max(1).optional().describe("default: that of the model's size"),
  dropout: z.number().min(0).max(1).default(0).describe("before the head"),
  layerScale: z.number().default(1e-6).describe("start value of the scale on each block's branch"),
});
export type ConvNeXtOptions = z.infer<typeof convNeXtOptionsSchema>;

/** Layer normalization over the channels of [N, C, H, W]. */
class LayerNorm2d extends nn.LayerNorm {
  constructor(channels: number) {
    super(channels, { eps: 1e-6 });
  }

  override forward(x: Tensor): Tensor {
    return super.forward(x.permute([0, 2, 3, 1])).permute([0, 3, 1, 2]);
  }
}

/** torchvision's `Flatten`, with timm's dropout before the head. */
class FlattenDropout extends nn.Dropout {
  override forward(x: Tensor): Tensor {
    return super.forward(x.flatten(1));
  }
}

/** Depthwise 7x7 convolution, layer norm, and two linear layers with GELU between, scaled per channel. */
class CNBlock extends nn.Module {
  readonly layer_scale: nn.Parameter;
  readonly block: nn.Sequential;
  readonly stochasticDepth: nn.StochasticDepth;

  constructor(channels: number, layerScale: number, dropProbability: number) {
    super();
    this.layer_scale = new nn.Parameter(full([channels, 1, 1], layerScale));
    this.block = new nn.Sequential(
      new nn.Conv2d(channels, channels, { kernelSize: 7, padding: 3, groups: channels }),
      new Permute([0, 2, 3, 1]),
      new nn.LayerNorm(channels, { eps: 1e-6 }),
      new nn.Linear(channels, 4 * channels),
      new nn.GELU(),
      new nn.Linear(4 * channels, channels),
      new Permute([0, 3, 1, 2]),
    );
    this.stochasticDepth = new nn.StochasticDepth(dropProbability, "row");
  }

  override forward(x: Tensor): Tensor {
    const branch = this.layer_scale.mul(this.block.call(x));
    return this.stochasticDepth.call(branch).add(x);
  }
}

/** ConvNeXt (Liu et al., arXiv:2201.03545) with torchvision's parameter names and initialization. */
export class ConvNeXt extends ImageModel {
  readonly headPath = "classifier.2";
  readonly stages: readonly Stage[];
  readonly features: nn.Sequential;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly classifier: nn.Sequential;

  constructor({ channels, depths, stochasticDepth: usualDepth }: ConvNeXtConfig, options: ConvNeXtOptions) {
    super();
    const { numClasses, stochasticDepth = usualDepth, layerScale, dropout } = options;
    const stem = channels[0] ?? 0;
    const totalBlocks = depths.reduce((sum, depth) => sum + depth, 0);
    const layers: nn.Module[] = [
      new nn.Sequential(new nn.Conv2d(3, stem, { kernelSize: 4, stride: 4 }), new LayerNorm2d(stem)),
    ];
    let made = 0;
    for (const [i, width] of channels.entries()) {
      const blocks = Array.from(
        { length: depths[i] ?? 0 },
        () => new CNBlock(width, layerScale, (stochasticDepth * made++) / (totalBlocks - 1)),
      );
      layers.push(new nn.Sequential(...blocks));
      const next = channels[i + 1];
      if (next === undefined) continue;
      const halve = new nn.Conv2d(width, next, { kernelSize: 2, stride: 2 });
      layers.push(new nn.Sequential(new LayerNorm2d(width), halve));
    }
    const last = channels.at(-1) ?? 0;
    this.features = new nn.Sequential(...layers);
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    const flatten = new FlattenDropout({ p: dropout });
    this.classifier = new nn.Sequential(new LayerNorm2d(last), flatten, new nn.Linear(last, numClasses));
    this.stages = [
      { name: "stem", modules: ["features.0"] },
      { name: "stage1", modules: ["features.1"] },
      { name: "stage2", modules: ["features.2", "features.3"] },
      { name: "stage3", modules: ["features.4", "features.5"] },
      { name: "stage4", modules: ["features.6", "features.7", "classifier.0"] },
    ];
    for (const module of this.modules()) {
      if (!(module instanceof nn.Conv2d || module instanceof nn.Linear)) continue;
      // torchvision cuts at +-2, a hundred deviations; a sample that rounds to infinity would then become a weight of 2
      nn.init.truncNormal_(module.weight, 0, 0.02, -0.2, 0.2);
      if (module.bias !== null) nn.init.zeros_(module.bias);
    }
  }

  override forward(x: Tensor): Tensor {
    return this.classifier.call(this.avgpool.call(this.features.call(x)));
  }
}
