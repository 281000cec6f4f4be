import { cat, nn, type Tensor, zeros } from "@classifier-training/torch";

/** Kernel, output channels, stride [rows, columns], squeeze-and-excitation. */
type Row = readonly [kernel: number, channels: number, stride: readonly [number, number], squeeze: boolean];

const rows: readonly Row[] = [
  [3, 32, [1, 1], false],
  [3, 64, [1, 1], false],
  [3, 64, [1, 1], false],
  [3, 128, [2, 1], false],
  [3, 128, [1, 1], false],
  [3, 240, [1, 2], false],
  [5, 240, [1, 1], false],
  [5, 240, [1, 1], false],
  [5, 240, [1, 1], false],
  [5, 240, [1, 1], false],
  [5, 480, [2, 1], true],
  [5, 480, [1, 1], true],
  [5, 480, [2, 1], false],
  [5, 480, [1, 1], false],
];
const stemChannels = 16;
const trunkChannels = 480;

/** Channels of the features, `[N, featureChannels, T]`. */
export const featureChannels = 120;
const neck = featureChannels / 2;
const heads = 8;

/**
 * Depthwise, then pointwise convolution, each followed by Hardswish and a constant shift. What PP-LCNetV3 learns of
 * scales around them is in the weights; the shifts are buffers, because zero padding keeps them from going there.
 */
export class LcBlock extends nn.Module {
  readonly depthwise: nn.Conv2d;
  readonly squeeze: nn.SqueezeExcitation | null;
  readonly pointwise: nn.Conv2d;
  /** [2]: before the squeeze, and of the output. */
  declare readonly shift: Tensor;

  constructor(inChannels: number, [kernelSize, channels, stride, squeeze]: Row) {
    super();
    const padding = (kernelSize - 1) / 2;
    this.depthwise = new nn.Conv2d(inChannels, inChannels, { kernelSize, stride, padding, groups: inChannels });
    const scaleActivation = () => new nn.Hardsigmoid();
    this.squeeze = squeeze ? new nn.SqueezeExcitation(inChannels, inChannels / 4, { scaleActivation }) : null;
    this.pointwise = new nn.Conv2d(inChannels, channels, { kernelSize: 1 });
    this.registerBuffer("shift", zeros([2]));
  }

  override forward(x: Tensor): Tensor {
    const { hardswish } = nn.functional;
    let out = hardswish(this.depthwise.call(x));
    if (this.squeeze !== null) out = this.squeeze.call(out.add(this.shift.select(0, 0)));
    return hardswish(this.pointwise.call(out)).add(this.shift.select(0, 1));
  }
}

/** Attention over the columns, then an MLP, each after a layer normalization and with a shortcut: [N, T, C] to the same. */
class Mixer extends nn.Module {
  readonly norm1: nn.LayerNorm;
  readonly qkv: nn.Linear;
  readonly proj: nn.Linear;
  readonly norm2: nn.LayerNorm;
  readonly fc1: nn.Linear;
  readonly fc2: nn.Linear;

  constructor() {
    super();
    const channels = featureChannels;
    this.norm1 = new nn.LayerNorm(channels, { eps: 1e-5 });
    this.qkv = new nn.Linear(channels, 3 * channels);
    this.proj = new nn.Linear(channels, channels);
    this.norm2 = new nn.LayerNorm(channels, { eps: 1e-5 });
    this.fc1 = new nn.Linear(channels, 2 * channels);
    this.fc2 = new nn.Linear(2 * channels, channels);
  }

  override forward(x: Tensor): Tensor {
    const { scaledDotProductAttention, silu } = nn.functional;
    const [n = 0, t = 0, c = 0] = x.shape;
    const qkv = this.qkv
      .call(this.norm1.call(x))
      .reshape([n, t, 3, heads, c / heads])
      .permute([2, 0, 3, 1, 4]);
    const attended = scaledDotProductAttention(qkv.select(0, 0), qkv.select(0, 1), qkv.select(0, 2));
    const mixed = x.add(this.proj.call(attended.permute([0, 2, 1, 3]).reshape([n, t, c])));
    return mixed.add(this.fc2.call(silu(this.fc1.call(this.norm2.call(mixed)))));
  }
}

/**
 * The network of PP-OCRv4's text recognition, up to the features that its CTC layer reads: PP-LCNetV3 in the form for
 * inference (one convolution for parallel branches), then SVTR's mixing of columns (Du et al., arXiv:2205.00159). Batch
 * normalizations are in the convolutions.
 */
export class SvtrLcNet extends nn.Module {
  readonly stem: nn.Conv2d;
  readonly blocks: nn.Sequential;
  readonly squeeze1: nn.Conv2d;
  readonly squeeze2: nn.Conv2d;
  readonly mixers: nn.Sequential;
  readonly norm: nn.LayerNorm;
  readonly expand: nn.Conv2d;
  readonly merge1: nn.Conv2d;
  readonly merge2: nn.Conv2d;

  constructor() {
    super();
    this.stem = new nn.Conv2d(3, stemChannels, { kernelSize: 3, stride: 2, padding: 1 });
    const inputs = [stemChannels, ...rows.map(([, channels]) => channels)];
    this.blocks = new nn.Sequential(...rows.map((row, i) => new LcBlock(inputs[i] as number, row)));
    const along = { kernelSize: [1, 3], padding: [0, 1] } as const;
    this.squeeze1 = new nn.Conv2d(trunkChannels, neck, along);
    this.squeeze2 = new nn.Conv2d(neck, featureChannels, { kernelSize: 1 });
    this.mixers = new nn.Sequential(new Mixer(), new Mixer());
    this.norm = new nn.LayerNorm(featureChannels, { eps: 1e-6 });
    this.expand = new nn.Conv2d(featureChannels, trunkChannels, { kernelSize: 1 });
    this.merge1 = new nn.Conv2d(2 * trunkChannels, neck, along);
    this.merge2 = new nn.Conv2d(neck, featureChannels, { kernelSize: 1 });
  }

  /** @param x [N, 3, H, W], values -1..1, H and W of at least 16 @returns [N, W / 8, featureChannels] */
  override forward(x: Tensor): Tensor {
    const { silu, avgPool2d } = nn.functional;
    const trunk = this.blocks.call(this.stem.call(x));
    const [rowsLeft = 1] = trunk.shape.slice(2);
    const columns = avgPool2d(trunk, [rowsLeft, 2]);
    let out = silu(this.squeeze2.call(silu(this.squeeze1.call(columns))));
    out = this.norm.call(this.mixers.call(out.squeeze(2).transpose(1, 2)));
    out = silu(this.expand.call(out.transpose(1, 2).unsqueeze(2)));
    out = silu(this.merge2.call(silu(this.merge1.call(cat([columns, out], 1)))));
    return out.squeeze(2).transpose(1, 2);
  }
}
