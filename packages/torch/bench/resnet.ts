import { nn, type Tensor } from "@classifier-training/torch";

// ResNet as torchvision builds it, small enough to live here: this package lies below the one with the model zoo.

function conv(inChannels: number, outChannels: number, kernelSize: number, stride = 1): nn.Conv2d {
  return new nn.Conv2d(inChannels, outChannels, { kernelSize, stride, padding: (kernelSize - 1) / 2, bias: false });
}

class Block extends nn.Module {
  readonly convs: nn.ModuleList;
  readonly norms: nn.ModuleList;
  readonly downsample: nn.Sequential | undefined;

  constructor(inChannels: number, width: number, stride: number, bottleneck: boolean) {
    super();
    const outChannels = bottleneck ? 4 * width : width;
    const convs = bottleneck
      ? [conv(inChannels, width, 1), conv(width, width, 3, stride), conv(width, outChannels, 1)]
      : [conv(inChannels, width, 3, stride), conv(width, width, 3)];
    this.convs = new nn.ModuleList(convs);
    this.norms = new nn.ModuleList(convs.map((c) => new nn.BatchNorm2d(c.outChannels)));
    this.downsample =
      stride === 1 && inChannels === outChannels
        ? undefined
        : new nn.Sequential(conv(inChannels, outChannels, 1, stride), new nn.BatchNorm2d(outChannels));
  }

  override forward(x: Tensor): Tensor {
    const shortcut = this.downsample === undefined ? x : this.downsample.call(x);
    const convs = [...this.convs] as nn.Conv2d[];
    const norms = [...this.norms] as nn.BatchNorm2d[];
    let out = x;
    for (const [i, layer] of convs.entries()) {
      const residual = i === convs.length - 1 ? shortcut : undefined;
      out = nn.functional.batchNormAct(layer.call(out), norms[i]!, { residual });
    }
    return out;
  }
}

const depths = { resnet18: [2, 2, 2, 2], resnet34: [3, 4, 6, 3], resnet50: [3, 4, 6, 3] } as const;
export type ModelName = keyof typeof depths;
export const modelNames = Object.keys(depths) as ModelName[];

export class ResNet extends nn.Module {
  readonly conv1 = conv(3, 64, 7, 2);
  readonly bn1 = new nn.BatchNorm2d(64);
  readonly maxpool = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
  readonly blocks: nn.Sequential;
  readonly fc: nn.Linear;

  constructor(name: ModelName) {
    super();
    const bottleneck = name === "resnet50";
    const blocks: Block[] = [];
    let channels = 64;
    for (const [stage, depth] of depths[name].entries()) {
      const width = 64 * 2 ** stage;
      for (let i = 0; i < depth; i++) {
        blocks.push(new Block(channels, width, i === 0 && stage > 0 ? 2 : 1, bottleneck));
        channels = bottleneck ? 4 * width : width;
      }
    }
    this.blocks = new nn.Sequential(...blocks);
    this.fc = new nn.Linear(channels, 1000);
  }

  override forward(x: Tensor): Tensor {
    const stem = nn.functional.batchNormAct(this.conv1.call(x), this.bn1);
    const features = this.blocks.call(this.maxpool.call(stem));
    return this.fc.call(nn.functional.adaptiveAvgPool2d(features, 1).flatten(1));
  }
}
