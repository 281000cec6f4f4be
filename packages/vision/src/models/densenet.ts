import { cat, nn, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import { batchNormReLU, NamedSequential } from "./blocks.ts";
import { ImageModel, type Stage } from "./image-model.ts";

export const denseNetOptionsSchema = z.strictObject({
  numClasses: z.int().positive().default(1000),
  dropout: z.number().min(0).max(1).default(0).describe("after each dense layer"),
});
export type DenseNetOptions = z.infer<typeof denseNetOptionsSchema>;

export interface DenseNetConfig {
  /** Channels that each layer adds. */
  readonly growthRate: number;
  /** Layers of each dense block. */
  readonly blocks: readonly number[];
  /** Channels of the first convolution. */
  readonly stem: number;
}

/** A layer's 1x1 convolution has this many times the growth rate as channels. */
const bottleneckFactor = 4;

const conv1x1 = (inChannels: number, outChannels: number) =>
  new nn.Conv2d(inChannels, outChannels, { kernelSize: 1, bias: false });

/** Normalization, ReLU and convolution, twice: 1x1, then 3x3. */
class DenseLayer extends nn.Module {
  readonly norm1: nn.BatchNorm2d;
  readonly conv1: nn.Conv2d;
  readonly norm2: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  readonly dropout: nn.Dropout;

  constructor(inChannels: number, growthRate: number, dropout: number) {
    super();
    const width = bottleneckFactor * growthRate;
    this.norm1 = new nn.BatchNorm2d(inChannels);
    this.conv1 = conv1x1(inChannels, width);
    this.norm2 = new nn.BatchNorm2d(width);
    this.conv2 = new nn.Conv2d(width, growthRate, { kernelSize: 3, padding: 1, bias: false });
    this.dropout = new nn.Dropout({ p: dropout });
  }

  override forward(x: Tensor): Tensor {
    const narrow = this.conv1.call(batchNormReLU(this.norm1, x));
    return this.dropout.call(this.conv2.call(batchNormReLU(this.norm2, narrow)));
  }
}

/** Each layer sees the input and the results of all layers before it. */
class DenseBlock extends NamedSequential<DenseLayer> {
  override forward(x: Tensor): Tensor {
    const features = [x];
    for (const layer of this) features.push(layer.call(features.length === 1 ? x : cat(features, 1)));
    return cat(features, 1);
  }
}

/** Halves channels and resolution. */
class Transition extends nn.Module {
  readonly norm: nn.BatchNorm2d;
  readonly conv: nn.Conv2d;
  readonly pool: nn.AvgPool2d;

  constructor(inChannels: number) {
    super();
    this.norm = new nn.BatchNorm2d(inChannels);
    this.conv = conv1x1(inChannels, Math.floor(inChannels / 2));
    this.pool = new nn.AvgPool2d(2, { stride: 2 });
  }

  override forward(x: Tensor): Tensor {
    return this.pool.call(this.conv.call(batchNormReLU(this.norm, x)));
  }
}

/** Normalization and ReLU in one pass, under the name of the normalization. */
class BatchNormReLU extends nn.BatchNorm2d {
  override forward(x: Tensor): Tensor {
    return nn.functional.relu(super.forward(x));
  }
}

/** DenseNet-BC (Huang et al., arXiv:1608.06993) with torchvision's parameter names and initialization. */
export class DenseNet extends ImageModel {
  readonly headPath = "classifier";
  readonly stages: readonly Stage[];
  readonly features: NamedSequential;
  classifier: nn.Module;

  constructor({ growthRate, blocks, stem }: DenseNetConfig, { numClasses, dropout }: DenseNetOptions) {
    super();
    const layers: [string, nn.TensorModule][] = [
      ["conv0", new nn.Conv2d(3, stem, { kernelSize: 7, stride: 2, padding: 3, bias: false })],
      ["norm0", new BatchNormReLU(stem)],
      ["pool0", new nn.MaxPool2d(3, { stride: 2, padding: 1 })],
    ];
    const stages = [{ name: "stem", modules: ["features.conv0", "features.norm0"] }];
    let channels = stem;
    for (const [i, depth] of blocks.entries()) {
      const start = channels;
      const dense = Array.from({ length: depth }, (_, j) => {
        return [`denselayer${j + 1}`, new DenseLayer(start + j * growthRate, growthRate, dropout)] as const;
      });
      layers.push([`denseblock${i + 1}`, new DenseBlock(dense)]);
      channels += depth * growthRate;
      const isLast = i === blocks.length - 1;
      if (!isLast) {
        layers.push([`transition${i + 1}`, new Transition(channels)]);
        channels = Math.floor(channels / 2);
      }
      const after = isLast ? "features.norm5" : `features.transition${i + 1}`;
      stages.push({ name: `stage${i + 1}`, modules: [`features.denseblock${i + 1}`, after] });
    }
    layers.push(["norm5", new BatchNormReLU(channels)]);
    this.features = new NamedSequential(layers);
    this.classifier = new nn.Linear(channels, numClasses);
    this.stages = stages;
    for (const module of this.modules()) {
      if (module instanceof nn.Conv2d) nn.init.kaimingNormal_(module.weight);
      else if (module instanceof nn.Linear && module.bias !== null) nn.init.zeros_(module.bias);
    }
  }

  override forward(x: Tensor): Tensor {
    const features = nn.functional.adaptiveAvgPool2d(this.features.call(x), 1);
    return this.classifier.call(features.flatten(1));
  }
}
