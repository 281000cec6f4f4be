import { cat, empty, nn, type Tensor, zeros } from "@classifier-training/torch";
import { z } from "zod";
import { NamedSequential } from "./blocks.ts";
import { ImageModel, type Stage } from "./image-model.ts";
import { checkImages, checkPatches } from "./patches.ts";

export interface VisionTransformerConfig {
  readonly patchSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly hidden: number;
  readonly mlp: number;
}

export const visionTransformerOptionsSchema = z.strictObject({
  numClasses: z.int().positive().default(1000),
  imageSize: z
    .int()
    .positive()
    .default(224)
    .describe("side of the square input in pixels; a multiple of the patch size"),
  dropout: z.number().min(0).max(1).default(0),
  attentionDropout: z.number().min(0).max(1).default(0),
  stochasticDepth: z.number().min(0).max(1).default(0).describe("of the last block; rises linearly from the first"),
});
export type VisionTransformerOptions = z.infer<typeof visionTransformerOptionsSchema>;

const layerNorm = (width: number) => new nn.LayerNorm(width, { eps: 1e-6 });

class EncoderBlock extends nn.Module {
  readonly ln_1: nn.LayerNorm;
  readonly self_attention: nn.MultiheadAttention;
  readonly dropout: nn.Dropout;
  readonly ln_2: nn.LayerNorm;
  readonly mlp: nn.Sequential;
  readonly stochasticDepth: nn.StochasticDepth;

  constructor({ heads, hidden, mlp }: VisionTransformerConfig, options: VisionTransformerOptions, drop: number) {
    super();
    this.ln_1 = layerNorm(hidden);
    this.self_attention = new nn.MultiheadAttention(hidden, heads, {
      dropout: options.attentionDropout,
      batchFirst: true,
    });
    this.dropout = new nn.Dropout({ p: options.dropout });
    this.stochasticDepth = new nn.StochasticDepth(drop, "row");
    this.ln_2 = layerNorm(hidden);
    this.mlp = new nn.Sequential(
      new nn.Linear(hidden, mlp),
      new nn.GELU(),
      new nn.Dropout({ p: options.dropout }),
      new nn.Linear(mlp, hidden),
      new nn.Dropout({ p: options.dropout }),
    );
    for (const module of this.mlp.modules()) {
      if (!(module instanceof nn.Linear)) continue;
      nn.init.xavierUniform_(module.weight);
      if (module.bias !== null) nn.init.normal_(module.bias, 0, 1e-6);
    }
  }

  override forward(x: Tensor): Tensor {
    const normalized = this.ln_1.call(x);
    const { output } = this.self_attention.call(normalized, normalized, normalized, { needWeights: false });
    const mixed = this.stochasticDepth.call(this.dropout.call(output)).add(x);
    return mixed.add(this.stochasticDepth.call(this.mlp.call(this.ln_2.call(mixed))));
  }
}

class Encoder extends nn.Module {
  readonly pos_embedding: nn.Parameter;
  readonly dropout: nn.Dropout;
  readonly layers: NamedSequential;
  readonly ln: nn.LayerNorm;

  constructor(tokens: number, config: VisionTransformerConfig, options: VisionTransformerOptions) {
    super();
    this.pos_embedding = new nn.Parameter(empty([1, tokens, config.hidden]));
    nn.init.normal_(this.pos_embedding, 0, 0.02);
    this.dropout = new nn.Dropout({ p: options.dropout });
    this.layers = new NamedSequential(
      Array.from({ length: config.layers }, (_, i) => {
        const drop = (options.stochasticDepth * i) / Math.max(1, config.layers - 1);
        return [`encoder_layer_${i}`, new EncoderBlock(config, options, drop)] as const;
      }),
    );
    this.ln = layerNorm(config.hidden);
  }

  override forward(x: Tensor): Tensor {
    return this.ln.call(this.layers.call(this.dropout.call(x.add(this.pos_embedding))));
  }
}

/** The last linear layer, under torchvision's name `heads.head`. */
class Heads extends nn.Module {
  head: nn.Module;

  constructor(hidden: number, numClasses: number) {
    super();
    const head = new nn.Linear(hidden, numClasses);
    nn.init.zeros_(head.weight);
    if (head.bias !== null) nn.init.zeros_(head.bias);
    this.head = head;
  }

  override forward(x: Tensor): Tensor {
    return this.head.call(x);
  }
}

/** Vision Transformer (Dosovitskiy et al., arXiv:2010.11929) with torchvision's parameter names and initialization. */
export class VisionTransformer extends ImageModel {
  readonly headPath = "heads.head";
  readonly stages: readonly Stage[];
  readonly imageSize: number;
  readonly patchSize: number;
  readonly class_token: nn.Parameter;
  readonly conv_proj: nn.Conv2d;
  readonly encoder: Encoder;
  readonly heads: Heads;

  constructor(config: VisionTransformerConfig, options: VisionTransformerOptions) {
    super();
    const { patchSize, hidden } = config;
    const { imageSize } = options;
    checkPatches(imageSize, patchSize);
    this.imageSize = imageSize;
    this.patchSize = patchSize;
    this.class_token = new nn.Parameter(zeros([1, 1, hidden]));
    this.conv_proj = new nn.Conv2d(3, hidden, { kernelSize: patchSize, stride: patchSize });
    this.encoder = new Encoder((imageSize / patchSize) ** 2 + 1, config, options);
    this.heads = new Heads(hidden, options.numClasses);
    const deviation = Math.sqrt(1 / (3 * patchSize * patchSize));
    // the bounds: see ConvNeXt
    nn.init.truncNormal_(this.conv_proj.weight, 0, deviation, -10 * deviation, 10 * deviation);
    if (this.conv_proj.bias !== null) nn.init.zeros_(this.conv_proj.bias);
    const blocks = Array.from({ length: config.layers }, (_, i) => ({
      name: `block${i}`,
      modules: [`encoder.layers.encoder_layer_${i}`],
    }));
    blocks.at(-1)?.modules.push("encoder.ln");
    this.stages = [{ name: "stem", modules: ["conv_proj", "class_token", "encoder.pos_embedding"] }, ...blocks];
  }

  override forward(x: Tensor): Tensor {
    const [N = 0, , H = 0, W = 0] = x.shape;
    checkImages([H, W], this);
    const patches = this.conv_proj.call(x).flatten(2).transpose(1, 2); // [N, patches, hidden]
    const tokens = cat([this.class_token.expand([N, -1, -1]), patches], 1);
    const encoded = this.encoder.call(tokens);
    return this.heads.call(encoded.select(1, 0));
  }
}
