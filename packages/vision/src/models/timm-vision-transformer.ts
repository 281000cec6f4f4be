import { cat, empty, full, nn, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import { ImageModel, type Stage } from "./image-model.ts";
import { checkImages, checkPatches } from "./patches.ts";

export interface TimmVisionTransformerConfig {
  readonly patchSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly hidden: number;
  /** Side of the images that the published weights are for, pixels. */
  readonly imageSize: number;
  /** Start value of the scale on each branch; without it there are no scales. */
  readonly layerScale?: number;
}

export const timmVisionTransformerOptionsSchema = z.strictObject({
  numClasses: z.int().positive().default(1000),
  imageSize: z
    .int()
    .positive()
    .optional()
    .describe("side of the square input in pixels; a multiple of the patch size; default: that of the weights"),
  dropout: z.number().min(0).max(1).default(0).describe("before the head"),
  attentionDropout: z.number().min(0).max(1).default(0),
  stochasticDepth: z.number().min(0).max(1).default(0).describe("of the last block; rises linearly from the first"),
});
export type TimmVisionTransformerOptions = z.infer<typeof timmVisionTransformerOptionsSchema>;

const layerNorm = (width: number) => new nn.LayerNorm(width, { eps: 1e-6 });

class Attention extends nn.Module {
  readonly heads: number;
  readonly dropout: number;
  readonly qkv: nn.Linear;
  readonly proj: nn.Linear;

  constructor(hidden: number, heads: number, dropout: number) {
    super();
    this.heads = heads;
    this.dropout = dropout;
    this.qkv = new nn.Linear(hidden, 3 * hidden);
    this.proj = new nn.Linear(hidden, hidden);
  }

  /** @param x [N, L, C] */
  override forward(x: Tensor): Tensor {
    const [N = 0, L = 0, C = 0] = x.shape;
    const parts = this.qkv.call(x).reshape([N, L, 3, this.heads, C / this.heads]);
    const [query, key, value] = parts.permute([2, 0, 3, 1, 4]).unbind(0) as [Tensor, Tensor, Tensor];
    const { dropout, training } = this;
    const { output } = nn.functional.attention(query, key, value, { dropout, training });
    return this.proj.call(output.transpose(1, 2).reshape([N, L, C]));
  }
}

/** timm's `LayerScale`: one factor a channel. */
class LayerScale extends nn.Module {
  readonly gamma: nn.Parameter;

  constructor(channels: number, start: number) {
    super();
    this.gamma = new nn.Parameter(full([channels], start));
  }

  override forward(x: Tensor): Tensor {
    return x.mul(this.gamma);
  }
}

class Mlp extends nn.Module {
  readonly fc1: nn.Linear;
  readonly act: nn.GELU;
  readonly fc2: nn.Linear;

  constructor(channels: number) {
    super();
    this.fc1 = new nn.Linear(channels, 4 * channels);
    this.act = new nn.GELU();
    this.fc2 = new nn.Linear(4 * channels, channels);
  }

  override forward(x: Tensor): Tensor {
    return this.fc2.call(this.act.call(this.fc1.call(x)));
  }
}

class Block extends nn.Module {
  readonly norm1: nn.LayerNorm;
  readonly attn: Attention;
  readonly ls1: nn.Module;
  readonly norm2: nn.LayerNorm;
  readonly mlp: Mlp;
  readonly ls2: nn.Module;
  readonly stochasticDepth: nn.StochasticDepth;

  constructor(config: TimmVisionTransformerConfig, attentionDropout: number, drop: number) {
    super();
    const { hidden, heads, layerScale } = config;
    const scale = () => (layerScale === undefined ? new nn.Identity() : new LayerScale(hidden, layerScale));
    this.norm1 = layerNorm(hidden);
    this.attn = new Attention(hidden, heads, attentionDropout);
    this.ls1 = scale();
    this.norm2 = layerNorm(hidden);
    this.mlp = new Mlp(hidden);
    this.ls2 = scale();
    this.stochasticDepth = new nn.StochasticDepth(drop, "row");
  }

  override forward(x: Tensor): Tensor {
    const mixed = this.stochasticDepth.call(this.ls1.call(this.attn.call(this.norm1.call(x)))).add(x);
    return this.stochasticDepth.call(this.ls2.call(this.mlp.call(this.norm2.call(mixed)))).add(mixed);
  }
}

/** Patches as tokens, under timm's name `patch_embed.proj`. */
class PatchEmbed extends nn.Module {
  readonly proj: nn.Conv2d;

  constructor(patchSize: number, hidden: number) {
    super();
    this.proj = new nn.Conv2d(3, hidden, { kernelSize: patchSize, stride: patchSize });
  }

  override forward(x: Tensor): Tensor {
    return this.proj.call(x).flatten(2).transpose(1, 2);
  }
}

/** Vision Transformers that only timm has (ViT-Ti, ViT-S, DINOv2), with timm's parameter names and initialization. */
export class TimmVisionTransformer extends ImageModel {
  readonly headPath = "head";
  readonly stages: readonly Stage[];
  readonly imageSize: number;
  readonly patchSize: number;
  readonly cls_token: nn.Parameter;
  readonly pos_embed: nn.Parameter;
  readonly patch_embed: PatchEmbed;
  readonly blocks: nn.Sequential;
  readonly norm: nn.LayerNorm;
  readonly head_drop: nn.Dropout;
  head: nn.Module;

  constructor(config: TimmVisionTransformerConfig, options: TimmVisionTransformerOptions) {
    super();
    const { patchSize, hidden, layers } = config;
    const { imageSize = config.imageSize } = options;
    checkPatches(imageSize, patchSize);
    this.imageSize = imageSize;
    this.patchSize = patchSize;
    this.cls_token = new nn.Parameter(empty([1, 1, hidden]));
    this.pos_embed = new nn.Parameter(empty([1, 1 + (imageSize / patchSize) ** 2, hidden]));
    this.patch_embed = new PatchEmbed(patchSize, hidden);
    const blocks = Array.from(
      { length: layers },
      (_, i) => new Block(config, options.attentionDropout, (options.stochasticDepth * i) / (layers - 1)),
    );
    this.blocks = new nn.Sequential(...blocks);
    this.norm = layerNorm(hidden);
    this.head_drop = new nn.Dropout({ p: options.dropout });
    this.head = new nn.Linear(hidden, options.numClasses);
    nn.init.normal_(this.cls_token, 0, 1e-6);
    const linears = [...this.modules()].filter((module) => module instanceof nn.Linear);
    // the bounds: see ConvNeXt
    for (const weight of [this.pos_embed, ...linears.map(({ weight }) => weight)])
      nn.init.truncNormal_(weight, 0, 0.02, -0.2, 0.2);
    for (const { bias } of linears) if (bias !== null) nn.init.zeros_(bias);
    const stages = blocks.map((_, i) => ({ name: `block${i}`, modules: [`blocks.${i}`] }));
    stages.at(-1)?.modules.push("norm");
    this.stages = [{ name: "stem", modules: ["patch_embed", "cls_token", "pos_embed"] }, ...stages];
  }

  override forward(x: Tensor): Tensor {
    const [N = 0, , H = 0, W = 0] = x.shape;
    checkImages([H, W], this);
    const tokens = cat([this.cls_token.expand([N, -1, -1]), this.patch_embed.call(x)], 1);
    const encoded = this.norm.call(this.blocks.call(tokens.add(this.pos_embed)));
    return this.head.call(this.head_drop.call(encoded.select(1, 0)));
  }
}
