import { nn, type Tensor } from "../src/index.ts";

// torchvision's ResNet with its names, of this package's own layers: the real one lives above this package.

interface Block {
  readonly expansion: number;
  new (inPlanes: number, planes: number, stride: number): nn.Module;
}

function conv(inPlanes: number, planes: number, kernelSize: number, stride = 1): nn.Conv2d {
  return new nn.Conv2d(inPlanes, planes, { kernelSize, stride, padding: (kernelSize - 1) / 2, bias: false });
}

/** What brings the input to the shape of the block's output; absent where it has it already. */
function projection(inPlanes: number, planes: number, stride: number): nn.Sequential | null {
  if (stride === 1 && inPlanes === planes) return null;
  return new nn.Sequential(conv(inPlanes, planes, 1, stride), new nn.BatchNorm2d(planes));
}

class BasicBlock extends nn.Module {
  static readonly expansion = 1;
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly relu = new nn.ReLU({ inplace: true });
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly downsample: nn.Sequential | null;

  constructor(inPlanes: number, planes: number, stride: number) {
    super();
    this.conv1 = conv(inPlanes, planes, 3, stride);
    this.bn1 = new nn.BatchNorm2d(planes);
    this.conv2 = conv(planes, planes, 3);
    this.bn2 = new nn.BatchNorm2d(planes);
    this.downsample = projection(inPlanes, planes, stride);
  }

  override forward(input: Tensor): Tensor {
    const inner = this.relu.call(this.bn1.call(this.conv1.call(input)));
    const output = this.bn2.call(this.conv2.call(inner));
    return this.relu.call(output.add_(this.downsample?.call(input) ?? input));
  }
}

class Bottleneck extends nn.Module {
  static readonly expansion = 4;
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly conv3: nn.Conv2d;
  readonly bn3: nn.BatchNorm2d;
  readonly relu = new nn.ReLU({ inplace: true });
  readonly downsample: nn.Sequential | null;

  constructor(inPlanes: number, planes: number, stride: number) {
    super();
    this.conv1 = conv(inPlanes, planes, 1);
    this.bn1 = new nn.BatchNorm2d(planes);
    this.conv2 = conv(planes, planes, 3, stride);
    this.bn2 = new nn.BatchNorm2d(planes);
    this.conv3 = conv(planes, planes * 4, 1);
    this.bn3 = new nn.BatchNorm2d(planes * 4);
    this.downsample = projection(inPlanes, planes * 4, stride);
  }

  override forward(input: Tensor): Tensor {
    let inner = this.relu.call(this.bn1.call(this.conv1.call(input)));
    inner = this.relu.call(this.bn2.call(this.conv2.call(inner)));
    const output = this.bn3.call(this.conv3.call(inner));
    return this.relu.call(output.add_(this.downsample?.call(input) ?? input));
  }
}

export class ResNet extends nn.Module {
  readonly conv1 = conv(3, 64, 7, 2);
  readonly bn1 = new nn.BatchNorm2d(64);
  readonly relu = new nn.ReLU({ inplace: true });
  readonly maxpool = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
  readonly layer1: nn.Sequential;
  readonly layer2: nn.Sequential;
  readonly layer3: nn.Sequential;
  readonly layer4: nn.Sequential;
  readonly avgpool = new nn.AdaptiveAvgPool2d(1);
  readonly fc: nn.Linear;

  constructor(block: Block, layers: readonly number[], classes: number) {
    super();
    let inPlanes = 64;
    const stage = (index: number): nn.Sequential => {
      const planes = 64 * 2 ** index;
      const blocks = Array.from({ length: layers[index] as number }, (_, i) => {
        const made = new block(inPlanes, planes, i === 0 && index > 0 ? 2 : 1);
        inPlanes = planes * block.expansion;
        return made;
      });
      return new nn.Sequential(...blocks);
    };
    this.layer1 = stage(0);
    this.layer2 = stage(1);
    this.layer3 = stage(2);
    this.layer4 = stage(3);
    this.fc = new nn.Linear(inPlanes, classes);
    for (const module of this.modules()) {
      if (module instanceof nn.Conv2d) nn.init.kaimingNormal_(module.weight, { mode: "fan_out", nonlinearity: "relu" });
    }
  }

  override forward(input: Tensor): Tensor {
    const stem = this.maxpool.call(this.relu.call(this.bn1.call(this.conv1.call(input))));
    const features = this.layer4.call(this.layer3.call(this.layer2.call(this.layer1.call(stem))));
    return this.fc.call(this.avgpool.call(features).flatten(1));
  }
}

const architectures: Readonly<Record<string, readonly [block: Block, layers: readonly number[]]>> = {
  resnet18: [BasicBlock, [2, 2, 2, 2]],
  resnet34: [BasicBlock, [3, 4, 6, 3]],
  resnet50: [Bottleneck, [3, 4, 6, 3]],
  resnet101: [Bottleneck, [3, 4, 23, 3]],
  resnet152: [Bottleneck, [3, 8, 36, 3]],
};

/** A ResNet by torchvision's name; undefined for an unknown name. */
export function resnet(name: string, classes: number): ResNet | undefined {
  const known = architectures[name];
  return known && new ResNet(known[0], known[1], classes);
}
