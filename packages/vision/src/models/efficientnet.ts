import { nn, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import { ConvNormActivation, initializeMobile, makeDivisible } from "./blocks.ts";
import { ImageModel, type Stage } from "./image-model.ts";

/** A stage: its block, expansion, kernel, stride of the first block, in channels, out channels, number of blocks. */
type StageRow = readonly ["MBConv" | "FusedMBConv", number, number, number, number, number, number];

export interface EfficientNetConfig {
  readonly stages: readonly StageRow[];
  /** Channels before the head; 4 times those of the last stage by default. */
  readonly lastChannels?: number;
  readonly dropout: number;
  readonly norm?: { readonly eps: number; readonly momentum?: number };
}

export const efficientNetOptionsSchema = z.strictObject({
  numClasses: z.int().positive().default(1000),
  dropout: z.number().min(0).max(1).optional().describe("default: the paper's, which grows with the model"),
  stochasticDepth: z.number().min(0).max(1).default(0.2),
});
export type EfficientNetOptions = z.infer<typeof efficientNetOptionsSchema>;

/** Table 1 of arXiv:1905.11946: EfficientNet-B0. */
const b0: readonly StageRow[] = [
  ["MBConv", 1, 3, 1, 32, 16, 1],
  ["MBConv", 6, 3, 2, 16, 24, 2],
  ["MBConv", 6, 5, 2, 24, 40, 2],
  ["MBConv", 6, 3, 2, 40, 80, 3],
  ["MBConv", 6, 5, 1, 80, 112, 3],
  ["MBConv", 6, 5, 2, 112, 192, 4],
  ["MBConv", 6, 3, 1, 192, 320, 1],
];

/** EfficientNet-B0 scaled up. @param width Factor of the channels. @param depth Factor of the number of blocks. */
export function scaledEfficientNet(width: number, depth: number): readonly StageRow[] {
  return b0.map(([block, expansion, kernel, stride, inChannels, outChannels, blocks]) => {
    const [from, to] = [makeDivisible(inChannels * width), makeDivisible(outChannels * width)];
    return [block, expansion, kernel, stride, from, to, Math.ceil(blocks * depth)];
  });
}

/** Table 4 of arXiv:2104.00298. */
export const efficientNetV2Small: readonly StageRow[] = [
  ["FusedMBConv", 1, 3, 1, 24, 24, 2],
  ["FusedMBConv", 4, 3, 2, 24, 48, 4],
  ["FusedMBConv", 4, 3, 2, 48, 64, 4],
  ["MBConv", 4, 3, 2, 64, 128, 6],
  ["MBConv", 6, 3, 1, 128, 160, 9],
  ["MBConv", 6, 3, 2, 160, 256, 15],
];

type Norm = (channels: number) => nn.BatchNorm2d;
const silu = () => new nn.SiLU();

interface BlockShape {
  readonly expansion: number;
  readonly kernelSize: number;
  readonly stride: number;
  readonly inChannels: number;
  readonly outChannels: number;
}

/** Expand, depthwise, squeeze-excite, project. */
function mbConv({ expansion, kernelSize, stride, inChannels, outChannels }: BlockShape, norm: Norm): nn.TensorModule[] {
  const expanded = makeDivisible(inChannels * expansion);
  const widen = { kernelSize: 1, norm, activation: silu };
  const depthwise = { kernelSize, stride, groups: expanded, norm, activation: silu };
  const squeezed = Math.max(1, Math.floor(inChannels / 4));
  return [
    ...(expanded === inChannels ? [] : [new ConvNormActivation(inChannels, expanded, widen)]),
    new ConvNormActivation(expanded, expanded, depthwise),
    new nn.SqueezeExcitation(expanded, squeezed, { activation: silu }),
    new ConvNormActivation(expanded, outChannels, { kernelSize: 1, norm }),
  ];
}

/** Expand by a full convolution, project; one convolution where nothing is expanded. */
function fusedMBConv(shape: BlockShape, norm: Norm): nn.TensorModule[] {
  const { expansion, kernelSize, stride, inChannels, outChannels } = shape;
  const expanded = makeDivisible(inChannels * expansion);
  const full = { kernelSize, stride, norm, activation: silu };
  if (expanded === inChannels) return [new ConvNormActivation(inChannels, outChannels, full)];
  return [
    new ConvNormActivation(inChannels, expanded, full),
    new ConvNormActivation(expanded, outChannels, { kernelSize: 1, norm }),
  ];
}

/** A block with a shortcut and stochastic depth where the shape stays. */
class InvertedResidual extends nn.Module {
  readonly block: nn.Sequential;
  readonly stochasticDepth: nn.StochasticDepth;
  readonly useShortcut: boolean;

  constructor(layers: readonly nn.TensorModule[], { stride, inChannels, outChannels }: BlockShape, drop: number) {
    super();
    this.block = new nn.Sequential(...layers);
    this.stochasticDepth = new nn.StochasticDepth(drop, "row");
    this.useShortcut = stride === 1 && inChannels === outChannels;
  }

  override forward(x: Tensor): Tensor {
    const out = this.block.call(x);
    return this.useShortcut ? this.stochasticDepth.call(out).add(x) : out;
  }
}

/** EfficientNet (arXiv:1905.11946) and V2 (arXiv:2104.00298), Tan and Le, with torchvision's parameter names and initialization. */
export class EfficientNet extends ImageModel {
  readonly headPath = "classifier.1";
  readonly stages: readonly Stage[];
  readonly features: nn.Sequential;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly classifier: nn.Sequential;

  constructor(config: EfficientNetConfig, { numClasses, dropout, stochasticDepth }: EfficientNetOptions) {
    super();
    const norm: Norm = (channels) => new nn.BatchNorm2d(channels, config.norm);
    const totalBlocks = config.stages.reduce((sum, row) => sum + row[6], 0);
    const stem = config.stages[0]?.[4] ?? 0;
    const layers: nn.TensorModule[] = [new ConvNormActivation(3, stem, { stride: 2, norm, activation: silu })];
    let made = 0;
    for (const [block, expansion, kernelSize, firstStride, inChannels, outChannels, count] of config.stages) {
      const blocks = Array.from({ length: count }, (_, i) => {
        const [stride, from] = i === 0 ? [firstStride, inChannels] : [1, outChannels];
        const shape = { expansion, kernelSize, stride, inChannels: from, outChannels };
        const inner = block === "MBConv" ? mbConv(shape, norm) : fusedMBConv(shape, norm);
        return new InvertedResidual(inner, shape, (stochasticDepth * made++) / totalBlocks);
      });
      layers.push(new nn.Sequential(...blocks));
    }
    const narrow = config.stages.at(-1)?.[5] ?? 0;
    const { lastChannels = 4 * narrow } = config;
    layers.push(new ConvNormActivation(narrow, lastChannels, { kernelSize: 1, norm, activation: silu }));
    this.features = new nn.Sequential(...layers);
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    this.classifier = new nn.Sequential(
      new nn.Dropout({ p: dropout ?? config.dropout }),
      new nn.Linear(lastChannels, numClasses),
    );
    const stages = config.stages.map((_, i) => ({ name: `stage${i + 1}`, modules: [`features.${i + 1}`] }));
    stages.at(-1)?.modules.push(`features.${config.stages.length + 1}`);
    this.stages = [{ name: "stem", modules: ["features.0"] }, ...stages];
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
