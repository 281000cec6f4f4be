import { cat, empty, fromTypedArray, keep, nn, type Tensor, tensor } from "@classifier-training/torch";
import { z } from "zod";
import { Permute } from "./blocks.ts";
import { ImageModel, type Stage } from "./image-model.ts";

export const swinTransformerOptionsSchema = z.strictObject({
  numClasses: z.int().positive().default(1000),
  dropout: z.number().min(0).max(1).default(0).describe("after each projection"),
  attentionDropout: z.number().min(0).max(1).default(0),
  stochasticDepth: z.number().min(0).max(1).optional().describe("default: that of the model's size"),
});
export type SwinTransformerOptions = z.infer<typeof swinTransformerOptionsSchema>;

export interface SwinTransformerConfig {
  /** Channels of the first stage, which double from stage to stage. */
  readonly channels: number;
  readonly depths: readonly number[];
  readonly heads: readonly number[];
  readonly stochasticDepth: number;
}

const patchSize = 4;
const window = 7;
const windowArea = window * window;
const layerNorm = (width: number) => new nn.LayerNorm(width, { eps: 1e-5 });

/** For each pair of positions in a window, the row of the table that their offset has: [49 * 49], int64. */
function relativePositions(): Tensor {
  const range = 2 * window - 1;
  const index = (i: number, j: number) => {
    const dy = Math.floor(i / window) - Math.floor(j / window) + window - 1;
    return dy * range + (i % window) - (j % window) + window - 1;
  };
  const pairs = Array.from({ length: windowArea ** 2 }, (_, k) => index(Math.floor(k / windowArea), k % windowArea));
  return tensor(pairs, { dtype: "int64" });
}

/**
 * Which pairs of a shifted window come from different ends of the image, as what is added to their scores: [windows, 1,
 * 49, 49] with -100 or 0. @param shift [rows, columns]; 0 where one window covers the image
 */
function shiftMask([height, width]: readonly [number, number], shift: readonly [number, number]): Tensor {
  const region = (position: number, size: number, by: number) =>
    position < size - window ? 0 : position < size - by ? 1 : 2;
  const columns = width / window;
  const count = (height / window) * columns;
  const values = new Float32Array(count * windowArea * windowArea);
  for (let w = 0; w < count; w++) {
    const [top, left] = [Math.floor(w / columns) * window, (w % columns) * window];
    const regions = Array.from({ length: windowArea }, (_, i) => {
      const row = region(top + Math.floor(i / window), height, shift[0]);
      return 3 * row + region(left + (i % window), width, shift[1]);
    });
    for (let i = 0; i < windowArea; i++) {
      for (let j = 0; j < windowArea; j++) {
        if (regions[i] !== regions[j]) values[(w * windowArea + i) * windowArea + j] = -100;
      }
    }
  }
  return fromTypedArray(values, [count, 1, windowArea, windowArea]);
}

/** Attention within windows of 7x7 positions; in every second block the windows lie half a window further. */
class ShiftedWindowAttention extends nn.Module {
  readonly heads: number;
  readonly shift: number;
  readonly attentionDropout: number;
  readonly relative_position_bias_table: nn.Parameter;
  declare readonly relative_position_index: Tensor;
  readonly qkv: nn.Linear;
  readonly proj: nn.Linear;
  readonly dropout: nn.Dropout;
  readonly #masks = new Map<string, Tensor>();

  constructor(channels: number, heads: number, shift: number, options: SwinTransformerOptions) {
    super();
    this.heads = heads;
    this.shift = shift;
    this.attentionDropout = options.attentionDropout;
    this.relative_position_bias_table = new nn.Parameter(empty([(2 * window - 1) ** 2, heads]));
    nn.init.truncNormal_(this.relative_position_bias_table, 0, 0.02);
    this.registerBuffer("relative_position_index", relativePositions());
    this.qkv = new nn.Linear(channels, 3 * channels);
    this.proj = new nn.Linear(channels, channels);
    this.dropout = new nn.Dropout({ p: options.dropout });
  }

  /** @param input [N, H, W, C]; padded with zeros to whole windows */
  override forward(input: Tensor): Tensor {
    const [N = 0, H = 0, W = 0, C = 0] = input.shape;
    const [rows, columns] = [Math.ceil(H / window), Math.ceil(W / window)];
    const [height, width] = [rows * window, columns * window];
    // a window that covers the image is not shifted
    const [down, right] = [rows > 1 ? this.shift : 0, columns > 1 ? this.shift : 0];
    const isShifted = down + right > 0;
    let x = nn.functional.pad(input, [0, 0, 0, width - W, 0, height - H]);
    if (isShifted) x = x.roll([-down, -right], [1, 2]);
    const windows = x
      .reshape([N, rows, window, columns, window, C])
      .permute([0, 1, 3, 2, 4, 5])
      .reshape([N, rows * columns, windowArea, C]);

    const parts = this.qkv.call(windows).unflatten(-1, [3, this.heads, C / this.heads]);
    const [query, key, value] = parts.permute([3, 0, 1, 4, 2, 5]).unbind(0) as [Tensor, Tensor, Tensor];
    let mask = this.relative_position_bias_table
      .indexSelect(0, this.relative_position_index)
      .reshape([windowArea, windowArea, this.heads])
      .permute([2, 0, 1]);
    if (isShifted) mask = mask.add(this.#mask([height, width], [down, right], mask));
    const { attentionDropout: dropout, training } = this;
    const { output } = nn.functional.attention(query, key, value, { mask, dropout, training });

    const mixed = this.dropout.call(this.proj.call(output.transpose(2, 3).reshape([N, rows * columns, windowArea, C])));
    let out = mixed
      .reshape([N, rows, columns, window, window, C])
      .permute([0, 1, 3, 2, 4, 5])
      .reshape([N, height, width, C]);
    if (isShifted) out = out.roll([down, right], [1, 2]);
    return out.narrow(1, 0, H).narrow(2, 0, W).contiguous();
  }

  /** Made once for each size of the input. */
  #mask(size: readonly [number, number], shift: readonly [number, number], { device }: Tensor): Tensor {
    const key = size.join("x");
    const mask = this.#masks.get(key) ?? keep(shiftMask(size, shift));
    this.#masks.set(key, mask);
    return mask.device === device ? mask : mask.to({ device });
  }
}

class SwinTransformerBlock extends nn.Module {
  readonly norm1: nn.LayerNorm;
  readonly attn: ShiftedWindowAttention;
  readonly stochasticDepth: nn.StochasticDepth;
  readonly norm2: nn.LayerNorm;
  readonly mlp: nn.Sequential;

  constructor(channels: number, heads: number, shift: number, drop: number, options: SwinTransformerOptions) {
    super();
    this.norm1 = layerNorm(channels);
    this.attn = new ShiftedWindowAttention(channels, heads, shift, options);
    this.stochasticDepth = new nn.StochasticDepth(drop, "row");
    this.norm2 = layerNorm(channels);
    this.mlp = new nn.Sequential(
      new nn.Linear(channels, 4 * channels),
      new nn.GELU(),
      new nn.Dropout({ p: options.dropout }),
      new nn.Linear(4 * channels, channels),
      new nn.Dropout({ p: options.dropout }),
    );
  }

  override forward(x: Tensor): Tensor {
    const mixed = this.stochasticDepth.call(this.attn.call(this.norm1.call(x))).add(x);
    return this.stochasticDepth.call(this.mlp.call(this.norm2.call(mixed))).add(mixed);
  }
}

/** Joins each 2x2 positions to one with twice the channels; an odd side is padded with zeros. */
class PatchMerging extends nn.Module {
  readonly reduction: nn.Linear;
  readonly norm: nn.LayerNorm;

  constructor(channels: number) {
    super();
    this.reduction = new nn.Linear(4 * channels, 2 * channels, { bias: false });
    this.norm = layerNorm(4 * channels);
  }

  override forward(input: Tensor): Tensor {
    const [, H = 0, W = 0] = input.shape;
    const x = nn.functional.pad(input, [0, 0, 0, W % 2, 0, H % 2]);
    const everySecond = (row: number, column: number) => x.slice(1, row, null, 2).slice(2, column, null, 2);
    const parts = [everySecond(0, 0), everySecond(1, 0), everySecond(0, 1), everySecond(1, 1)];
    return this.reduction.call(this.norm.call(cat(parts, -1)));
  }
}

/** Swin Transformer (Liu et al., arXiv:2103.14030) with torchvision's parameter names and initialization. */
export class SwinTransformer extends ImageModel {
  readonly headPath = "head";
  readonly stages: readonly Stage[];
  readonly features: nn.Sequential;
  readonly norm: nn.LayerNorm;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  head: nn.Module;

  constructor(config: SwinTransformerConfig, options: SwinTransformerOptions) {
    super();
    const { channels, depths, heads } = config;
    const { stochasticDepth = config.stochasticDepth } = options;
    const total = depths.reduce((sum, depth) => sum + depth, 0);
    const embed = new nn.Conv2d(3, channels, { kernelSize: patchSize, stride: patchSize });
    const layers: nn.TensorModule[] = [new nn.Sequential(embed, new Permute([0, 2, 3, 1]), layerNorm(channels))];
    let made = 0;
    for (const [stage, depth] of depths.entries()) {
      const width = channels * 2 ** stage;
      const blocks = Array.from({ length: depth }, (_, i) => {
        const shift = i % 2 === 0 ? 0 : Math.floor(window / 2);
        const drop = (stochasticDepth * made++) / (total - 1);
        return new SwinTransformerBlock(width, heads[stage] ?? 1, shift, drop, options);
      });
      layers.push(new nn.Sequential(...blocks));
      if (stage < depths.length - 1) layers.push(new PatchMerging(width));
    }
    const last = channels * 2 ** (depths.length - 1);
    this.features = new nn.Sequential(...layers);
    this.norm = layerNorm(last);
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    this.head = new nn.Linear(last, options.numClasses);
    this.stages = [
      { name: "stem", modules: ["features.0"] },
      { name: "stage1", modules: ["features.1"] },
      { name: "stage2", modules: ["features.2", "features.3"] },
      { name: "stage3", modules: ["features.4", "features.5"] },
      { name: "stage4", modules: ["features.6", "features.7", "norm"] },
    ];
    for (const module of this.modules()) {
      if (!(module instanceof nn.Linear)) continue;
      // the bounds: see ConvNeXt
      nn.init.truncNormal_(module.weight, 0, 0.02, -0.2, 0.2);
      if (module.bias !== null) nn.init.zeros_(module.bias);
    }
  }

  override forward(x: Tensor): Tensor {
    const features = this.norm.call(this.features.call(x)).permute([0, 3, 1, 2]);
    return this.head.call(this.avgpool.call(features).flatten(1));
  }
}
