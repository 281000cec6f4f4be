import { nn, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import { ConvNormActivation, initializeMobile, makeDivisible } from "./blocks.ts";
import { ImageModel, type Stage } from "./image-model.ts";

/** What scales EfficientNet-B0 up (arXiv:1905.11946). */
export interface EfficientNetConfig {
  readonly width: number;
  readonly depth: number;
  readonly dropout: number;
}

export const efficientNetOptionsSchema = z.strictObject({
  numClasses: z.int().positive().default(1000),
  dropout: z.number().min(0).max(1).optional().describe("default: the paper's, which grows with the model"),
  stochasticDepth: z.number().min(0).max(1).default(0.2),
});
export type EfficientNetOptions = z.infer<typeof efficientNetOptionsSchema>;

/** expansion, kernel, stride, in channels, out channels, blocks (table 1 of the paper). */
const stageTable = [
  [1, 3, 1, 32, 16, 1],
  [6, 3, 2, 16, 24, 2],
  [6, 5, 2, 24, 40, 2],
  [6, 3, 2, 40, 80, 3],
  [6, 5, 1, 80, 112, 3],
  [6, 5, 2, 112, 192, 4],
  [6, 3, 1, 192, 320, 1],
] as const;

const batchNorm = (channels: number) => new nn.BatchNorm2d(channels);
const silu = () => new nn.SiLU();

interface BlockShape {
  readonly expansion: number;
  readonly kernelSize: number;
  readonly stride: number;
  readonly inChannels: number;
  readonly outChannels: number;
}

/** Expand, depthwise, squeeze-excite, project; a shortcut with stochastic depth where the shape stays. */
class MBConv extends nn.Module {
  readonly block: nn.Sequential;
  readonly stochasticDepth: nn.StochasticDepth;
  readonly useShortcut: boolean;

  constructor({ expansion, kernelSize, stride, inChannels, outChannels }: BlockShape, dropProbability: number) {
    super();
    const expanded = makeDivisible(inChannels * expansion);
    const layers: nn.Module[] = [];
    if (expanded !== inChannels) {
      layers.push(new ConvNormActivation(inChannels, expanded, { kernelSize: 1, norm: batchNorm, activation: silu }));
    }
    const depthwise = { kernelSize, stride, groups: expanded, norm: batchNorm, activation: silu };
    layers.push(new ConvNormActivation(expanded, expanded, depthwise));
    const squeezed = Math.max(1, Math.floor(inChannels / 4));
    layers.push(new nn.SqueezeExcitation(expanded, squeezed, { activation: silu }));
    layers.push(new ConvNormActivation(expanded, outChannels, { kernelSize: 1, norm: batchNorm }));
    this.block = new nn.Sequential(...layers);
    this.stochasticDepth = new nn.StochasticDepth(dropProbability, "row");
    this.useShortcut = stride === 1 && inChannels === outChannels;
  }

  override forward(x: Tensor): Tensor {
    const out = this.block.call(x);
    return this.useShortcut ? this.stochasticDepth.call(out).add(x) : out;
  }
}

/** EfficientNet B0 to B3 (Tan and Le, arXiv:1905.11946) with torchvision's parameter names and initialization. */
export class EfficientNet extends ImageModel {
  readonly headPath = "classifier.1";
  readonly stages: readonly Stage[];
  readonly features: nn.Sequential;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly classifier: nn.Sequential;

  constructor(config: EfficientNetConfig, { numClasses, dropout, stochasticDepth }: EfficientNetOptions) {
    super();
    const width = (channels: number) => makeDivisible(channels * config.width);
    const depths = stageTable.map((row) => Math.ceil(row[5] * config.depth));
    const totalBlocks = depths.reduce((sum, depth) => sum + depth, 0);
    const layers: nn.Module[] = [
      new ConvNormActivation(3, width(32), { stride: 2, norm: batchNorm, activation: silu }),
    ];
    let made = 0;
    for (const [i, [expansion, kernelSize, stride, inChannels, outChannels]] of stageTable.entries()) {
      const blocks = Array.from({ length: depths[i] ?? 0 }, (_, j) => {
        const shape = {
          expansion,
          kernelSize,
          stride: j === 0 ? stride : 1,
          inChannels: width(j === 0 ? inChannels : outChannels),
          outChannels: width(outChannels),
        };
        return new MBConv(shape, (stochasticDepth * made++) / totalBlocks);
      });
      layers.push(new nn.Sequential(...blocks));
    }
    const last = width(320);
    layers.push(new ConvNormActivation(last, 4 * last, { kernelSize: 1, norm: batchNorm, activation: silu }));
    this.features = new nn.Sequential(...layers);
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    this.classifier = new nn.Sequential(
      new nn.Dropout({ p: dropout ?? config.dropout }),
      new nn.Linear(4 * last, numClasses),
    );
    const names = stageTable.map((_, i) => ({ name: `stage${i + 1}`, modules: [`features.${i + 1}`] }));
    names.at(-1)?.modules.push("features.8");
    this.stages = [{ name: "stem", modules: ["features.0"] }, ...names];
    initializeMobile(this, ({ weight, outFeatures }) => {
      const range = 1 / Math.sqrt(outFeatures);
      nn.init.uniform_(weight, -range, range);
    });
  }

  override forward(x: Tensor): Tensor {
    const out = this.avgpool.call(this.features.call(x)).flatten(1);
    return this.classifier.call(out);
  }
}
