import { nn, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import { ConvNormActivation, NamedSequential, residualReLU } from "./blocks.ts";
import { ImageModel, type Stage } from "./image-model.ts";

export const regNetOptionsSchema = z.strictObject({
  numClasses: z.int().positive().default(1000),
  dropout: z.number().min(0).max(1).default(0).describe("before the head"),
  stochasticDepth: z.number().min(0).max(1).default(0).describe("of the last block; rises linearly from the first"),
});
export type RegNetOptions = z.infer<typeof regNetOptionsSchema>;

/** What the design space's linear rule gives for a model (equations 2 to 4 of arXiv:2003.13678). */
export interface RegNetConfig {
  readonly depths: readonly number[];
  readonly widths: readonly number[];
  readonly groupWidth: number;
}

const stemWidth = 32;
const excitationRatio = 0.25;

const norm = (channels: number) => new nn.BatchNorm2d(channels);
const activation = () => new nn.ReLU();

interface BlockShape {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: number;
  readonly groupWidth: number;
  readonly drop: number;
}

/** 1x1, grouped 3x3, squeeze-excitation, 1x1: torchvision's names `f.a`, `f.b`, `f.se`, `f.c`. */
class BottleneckTransform extends nn.Module {
  readonly a: ConvNormActivation;
  readonly b: ConvNormActivation;
  readonly se: nn.SqueezeExcitation;
  readonly c: ConvNormActivation;

  constructor({ inChannels, outChannels, stride, groupWidth }: BlockShape) {
    super();
    const groups = outChannels / groupWidth;
    this.a = new ConvNormActivation(inChannels, outChannels, { kernelSize: 1, norm, activation });
    this.b = new ConvNormActivation(outChannels, outChannels, { stride, groups, norm, activation });
    this.se = new nn.SqueezeExcitation(outChannels, Math.round(excitationRatio * inChannels));
    this.c = new ConvNormActivation(outChannels, outChannels, { kernelSize: 1, norm });
  }

  /** @returns what the last normalization is still to be applied to. */
  override forward(x: Tensor): Tensor {
    return this.c.at(0).call(this.se.call(this.b.call(this.a.call(x))));
  }
}

class ResBottleneckBlock extends nn.Module {
  readonly proj: ConvNormActivation | undefined;
  readonly f: BottleneckTransform;
  readonly stochasticDepth: nn.StochasticDepth;

  constructor(shape: BlockShape) {
    super();
    const { inChannels, outChannels, stride, drop } = shape;
    const changes = inChannels !== outChannels || stride !== 1;
    this.proj = changes ? new ConvNormActivation(inChannels, outChannels, { kernelSize: 1, stride, norm }) : undefined;
    this.f = new BottleneckTransform(shape);
    this.stochasticDepth = new nn.StochasticDepth(drop, "row");
  }

  override forward(x: Tensor): Tensor {
    const shortcut = this.proj?.call(x) ?? x;
    return residualReLU(this.f.c.at(1) as nn.BatchNorm2d, this.f.call(x), shortcut, this.stochasticDepth);
  }
}

/** RegNetY (Radosavovic et al., arXiv:2003.13678) with torchvision's parameter names and initialization. */
export class RegNet extends ImageModel {
  readonly headPath = "fc";
  readonly stages: readonly Stage[];
  readonly stem: ConvNormActivation;
  readonly trunk_output: NamedSequential;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly dropout: nn.Dropout;
  fc: nn.Module;

  constructor({ depths, widths, groupWidth }: RegNetConfig, options: RegNetOptions) {
    super();
    const total = depths.reduce((sum, depth) => sum + depth, 0);
    let made = 0;
    const block = (stage: number, i: number): readonly [string, nn.TensorModule] => {
      const outChannels = widths[stage] ?? 0;
      const inChannels = i > 0 ? outChannels : (widths[stage - 1] ?? stemWidth);
      const drop = (options.stochasticDepth * made++) / (total - 1);
      const shape = { inChannels, outChannels, stride: i === 0 ? 2 : 1, groupWidth, drop };
      return [`block${stage + 1}-${i}`, new ResBottleneckBlock(shape)];
    };
    this.stem = new ConvNormActivation(3, stemWidth, { stride: 2, norm, activation });
    this.trunk_output = new NamedSequential(
      depths.map((depth, stage) => {
        const blocks = Array.from({ length: depth }, (_, i) => block(stage, i));
        return [`block${stage + 1}`, new NamedSequential(blocks)] as const;
      }),
    );
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    this.dropout = new nn.Dropout({ p: options.dropout });
    this.fc = new nn.Linear(widths.at(-1) ?? 0, options.numClasses);
    this.stages = [
      { name: "stem", modules: ["stem"] },
      ...depths.map((_, i) => ({ name: `stage${i + 1}`, modules: [`trunk_output.block${i + 1}`] })),
    ];
    for (const module of this.modules()) {
      if (module instanceof nn.Conv2d) {
        // over all outputs, whatever the number of groups; the biases of the excitation keep PyTorch's start
        const [outChannels = 0, , height = 1, width = 1] = module.weight.shape;
        nn.init.normal_(module.weight, 0, Math.sqrt(2 / (height * width * outChannels)));
      } else if (module instanceof nn.Linear) {
        nn.init.normal_(module.weight, 0, 0.01);
        if (module.bias !== null) nn.init.zeros_(module.bias);
      }
    }
  }

  override forward(x: Tensor): Tensor {
    const features = this.avgpool.call(this.trunk_output.call(this.stem.call(x))).flatten(1);
    return this.fc.call(this.dropout.call(features));
  }
}
