import { nn, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import { batchNormReLU, residualReLU } from "./blocks.ts";
import { ImageModel, type Stage } from "./image-model.ts";

/** Options of every ResNet, ResNeXt and Wide ResNet. */
export const resNetOptionsSchema = z.strictObject({
  numClasses: z.int().positive().default(1000),
  stem: z
    .enum(["imagenet", "small"])
    .default("imagenet")
    .describe("small: a 3x3 stride-1 convolution without max-pooling, for inputs of about 32 to 64 pixels"),
  width: z
    .number()
    .int()
    .positive()
    .default(64)
    .describe("channels of layer1; the other layers have 2, 4 and 8 times as many"),
  dropout: z.number().min(0).max(1).default(0).describe("before the head"),
  stochasticDepth: z.number().min(0).max(1).default(0).describe("of the last block; rises linearly from the first"),
  zeroInitResidual: z.boolean().default(false).describe("start the last normalization of each block at zero"),
});
export type ResNetOptions = z.infer<typeof resNetOptionsSchema>;

/** What tells one ResNet from another. */
export interface ResNetConfig {
  readonly block: "basic" | "bottleneck";
  /** Number of blocks in layer1 .. layer4. */
  readonly layers: readonly [number, number, number, number];
  readonly groups?: number;
  readonly widthPerGroup?: number;
}

interface BlockShape {
  readonly inChannels: number;
  readonly planes: number;
  readonly stride: number;
  readonly groups: number;
  readonly widthPerGroup: number;
  /** Probability that the branch is dropped. */
  readonly drop: number;
}

const conv3x3 = (inChannels: number, outChannels: number, stride = 1, groups = 1) =>
  new nn.Conv2d(inChannels, outChannels, { kernelSize: 3, stride, padding: 1, groups, bias: false });
const conv1x1 = (inChannels: number, outChannels: number, stride = 1) =>
  new nn.Conv2d(inChannels, outChannels, { kernelSize: 1, stride, bias: false });

/** The shortcut of a block whose output has another shape than its input. */
function downsampleOf({ inChannels, planes, stride }: BlockShape, expansion: number): nn.Sequential | undefined {
  const outChannels = planes * expansion;
  if (stride === 1 && inChannels === outChannels) return undefined;
  return new nn.Sequential(conv1x1(inChannels, outChannels, stride), new nn.BatchNorm2d(outChannels));
}

/** Two 3x3 convolutions and a shortcut (He et al., arXiv:1512.03385). */
class BasicBlock extends nn.Module {
  static readonly expansion = 1;
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly downsample: nn.Sequential | undefined;
  readonly stochasticDepth: nn.StochasticDepth;

  constructor(shape: BlockShape) {
    super();
    const { inChannels, planes, stride } = shape;
    this.conv1 = conv3x3(inChannels, planes, stride);
    this.bn1 = new nn.BatchNorm2d(planes);
    this.conv2 = conv3x3(planes, planes);
    this.bn2 = new nn.BatchNorm2d(planes);
    this.downsample = downsampleOf(shape, BasicBlock.expansion);
    this.stochasticDepth = new nn.StochasticDepth(shape.drop, "row");
  }

  override forward(x: Tensor): Tensor {
    const out = batchNormReLU(this.bn1, this.conv1.call(x));
    return residualReLU(this.bn2, this.conv2.call(out), this.downsample?.call(x) ?? x, this.stochasticDepth);
  }
}

/** 1x1, 3x3, 1x1 convolutions and a shortcut; the stride is in the 3x3 one ("ResNet V1.5", as torchvision has it). */
class Bottleneck extends nn.Module {
  static readonly expansion = 4;
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly conv3: nn.Conv2d;
  readonly bn3: nn.BatchNorm2d;
  readonly downsample: nn.Sequential | undefined;
  readonly stochasticDepth: nn.StochasticDepth;

  constructor(shape: BlockShape) {
    super();
    const { inChannels, planes, stride, groups, widthPerGroup } = shape;
    const width = Math.floor(planes * (widthPerGroup / 64)) * groups;
    const outChannels = planes * Bottleneck.expansion;
    this.conv1 = conv1x1(inChannels, width);
    this.bn1 = new nn.BatchNorm2d(width);
    this.conv2 = conv3x3(width, width, stride, groups);
    this.bn2 = new nn.BatchNorm2d(width);
    this.conv3 = conv1x1(width, outChannels);
    this.bn3 = new nn.BatchNorm2d(outChannels);
    this.downsample = downsampleOf(shape, Bottleneck.expansion);
    this.stochasticDepth = new nn.StochasticDepth(shape.drop, "row");
  }

  override forward(x: Tensor): Tensor {
    let out = batchNormReLU(this.bn1, this.conv1.call(x));
    out = batchNormReLU(this.bn2, this.conv2.call(out));
    return residualReLU(this.bn3, this.conv3.call(out), this.downsample?.call(x) ?? x, this.stochasticDepth);
  }
}

/** ResNet, ResNeXt (groups) and Wide ResNet (width), with torchvision's parameter names and initialization. */
export class ResNet extends ImageModel {
  readonly headPath = "fc";
  readonly stages: readonly Stage[] = [
    { name: "stem", modules: ["conv1", "bn1"] },
    { name: "layer1", modules: ["layer1"] },
    { name: "layer2", modules: ["layer2"] },
    { name: "layer3", modules: ["layer3"] },
    { name: "layer4", modules: ["layer4"] },
  ];
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly maxpool: nn.Module;
  readonly layer1: nn.Sequential;
  readonly layer2: nn.Sequential;
  readonly layer3: nn.Sequential;
  readonly layer4: nn.Sequential;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly dropout: nn.Dropout;
  fc: nn.Module;

  constructor(config: ResNetConfig, options: ResNetOptions) {
    super();
    const { numClasses, stem, width, zeroInitResidual, dropout, stochasticDepth } = options;
    const small = stem === "small";
    this.conv1 = small
      ? conv3x3(3, width)
      : new nn.Conv2d(3, width, { kernelSize: 7, stride: 2, padding: 3, bias: false });
    this.bn1 = new nn.BatchNorm2d(width);
    this.maxpool = small ? new nn.Identity() : new nn.MaxPool2d(3, { stride: 2, padding: 1 });
    const expansion = config.block === "basic" ? BasicBlock.expansion : Bottleneck.expansion;
    const total = config.layers.reduce((sum, blocks) => sum + blocks, 0);
    let made = 0;
    const nextDrop = () => (stochasticDepth * made++) / (total - 1);
    const [n1, n2, n3, n4] = config.layers;
    this.layer1 = makeLayer(config, width, width, n1, 1, nextDrop);
    this.layer2 = makeLayer(config, width * expansion, 2 * width, n2, 2, nextDrop);
    this.layer3 = makeLayer(config, 2 * width * expansion, 4 * width, n3, 2, nextDrop);
    this.layer4 = makeLayer(config, 4 * width * expansion, 8 * width, n4, 2, nextDrop);
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    this.dropout = new nn.Dropout({ p: dropout });
    this.fc = new nn.Linear(8 * width * expansion, numClasses);
    for (const module of this.modules()) {
      if (module instanceof nn.Conv2d) nn.init.kaimingNormal_(module.weight, { mode: "fan_out", nonlinearity: "relu" });
      if (!zeroInitResidual) continue;
      const last = module instanceof BasicBlock ? module.bn2 : module instanceof Bottleneck ? module.bn3 : undefined;
      if (last?.weight) nn.init.zeros_(last.weight);
    }
  }

  override forward(x: Tensor): Tensor {
    let out = batchNormReLU(this.bn1, this.conv1.call(x));
    out = this.maxpool.call(out);
    out = this.layer1.call(out);
    out = this.layer2.call(out);
    out = this.layer3.call(out);
    out = this.layer4.call(out);
    out = this.avgpool.call(out).flatten(1);
    return this.fc.call(this.dropout.call(out));
  }
}

function makeLayer(
  config: ResNetConfig,
  inChannels: number,
  planes: number,
  blocks: number,
  stride: number,
  nextDrop: () => number,
) {
  const { groups = 1, widthPerGroup = 64 } = config;
  const Block = config.block === "basic" ? BasicBlock : Bottleneck;
  const shape = (i: number): BlockShape => ({
    inChannels: i === 0 ? inChannels : planes * Block.expansion,
    planes,
    stride: i === 0 ? stride : 1,
    groups,
    widthPerGroup,
    drop: nextDrop(),
  });
  return new nn.Sequential(...Array.from({ length: blocks }, (_, i) => new Block(shape(i))));
}
