import { nn, type Tensor } from "@classifier-training/torch";

export const say = (text: string): void => void process.stdout.write(`${text}\n`);

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return (low + high) / 2;
}

class Block extends nn.Module<[Tensor], Tensor> {
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly relu = new nn.ReLU();
  readonly downsample: nn.Sequential | undefined;

  constructor(from: number, to: number, stride: number) {
    super();
    this.conv1 = new nn.Conv2d(from, to, { kernelSize: 3, stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(to);
    this.conv2 = new nn.Conv2d(to, to, { kernelSize: 3, padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(to);
    if (stride !== 1 || from !== to) {
      this.downsample = new nn.Sequential(
        new nn.Conv2d(from, to, { kernelSize: 1, stride, bias: false }),
        new nn.BatchNorm2d(to),
      );
    }
  }

  override forward(x: Tensor): Tensor {
    const out = this.bn2.call(this.conv2.call(this.relu.call(this.bn1.call(this.conv1.call(x)))));
    return this.relu.call(out.add(this.downsample === undefined ? x : this.downsample.call(x)));
  }
}

/** ResNet18 in plain layers (this package knows no models): 11.7 M weights, 122 entries in its state dict. */
export function resnet18(classes = 1000): nn.Sequential {
  const widths = [64, 128, 256, 512];
  const blocks = widths.flatMap((to, i) => [new Block(widths[i - 1] ?? 64, to, i === 0 ? 1 : 2), new Block(to, to, 1)]);
  return new nn.Sequential(
    new nn.Conv2d(3, 64, { kernelSize: 7, stride: 2, padding: 3, bias: false }),
    new nn.BatchNorm2d(64),
    new nn.ReLU(),
    new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
    ...blocks,
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
    new nn.Linear(512, classes),
  );
}
