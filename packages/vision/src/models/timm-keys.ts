import type { KeyMapping } from "./definition.ts";

/**
 * Parameter names of timm (Hugging Face hub, `timm/...`) in torchvision's spelling. Each mapping takes one name and
 * returns torchvision's, or undefined for a name that it does not know. ResNets have the same names in both.
 */

const batchNormPart = "(weight|bias|running_mean|running_var|num_batches_tracked)";

/** Lays out the blocks of a mobile network: which sub-layer of torchvision's `block` is which of timm's modules. */
function mobileBlock(depthwiseOnly: boolean, hasExcitation: boolean): ReadonlyMap<string, string> {
  const order: (readonly [convolution: string, norm: string] | "se")[] = depthwiseOnly
    ? [["conv_dw", "bn1"]]
    : [
        ["conv_pw", "bn1"],
        ["conv_dw", "bn2"],
      ];
  if (hasExcitation) order.push("se");
  order.push(depthwiseOnly ? ["conv_pw", "bn2"] : ["conv_pwl", "bn3"]);
  const names = new Map<string, string>();
  for (const [i, layer] of order.entries()) {
    if (layer === "se") {
      names.set("se.conv_reduce", `block.${i}.fc1`).set("se.conv_expand", `block.${i}.fc2`);
    } else {
      names.set(layer[0], `block.${i}.0`).set(layer[1], `block.${i}.1`);
    }
  }
  return names;
}

const mobileNetV2Stages = [1, 2, 3, 4, 3, 3, 1];
const mobileNetV2Layers: Readonly<Record<string, string>> = {
  conv_pw: "0.0",
  bn1: "0.1",
  conv_dw: "1.0",
  bn2: "1.1",
  conv_pwl: "2",
  bn3: "3",
};
const mobileNetV2First: Readonly<Record<string, string>> = { conv_dw: "0.0", bn1: "0.1", conv_pw: "1", bn2: "2" };

export const mobileNetV2Keys: KeyMapping = (name) => {
  const match = new RegExp(`^blocks\\.(\\d+)\\.(\\d+)\\.(.+?)\\.${batchNormPart}$`).exec(name);
  if (match !== null) {
    const [, stage = "", block = "", layer = "", part = ""] = match;
    const index = mobileNetV2Stages.slice(0, Number(stage)).reduce((sum, size) => sum + size, 0) + Number(block);
    const inner = (stage === "0" ? mobileNetV2First : mobileNetV2Layers)[layer];
    return inner === undefined ? undefined : `features.${index + 1}.conv.${inner}.${part}`;
  }
  return rename(name, [
    [/^conv_stem\.(.+)$/, "features.0.0.$1"],
    [/^bn1\.(.+)$/, "features.0.1.$1"],
    [/^conv_head\.(.+)$/, "features.18.0.$1"],
    [/^bn2\.(.+)$/, "features.18.1.$1"],
    [/^classifier\.(.+)$/, "classifier.1.$1"],
  ]);
};

/** @param excitation Which blocks (flat index) have squeeze-excitation. @param stageSizes Blocks in timm's stages. */
export function mobileNetV3Keys(stageSizes: readonly number[], excitation: readonly boolean[]): KeyMapping {
  const last = excitation.length + 1;
  return (name) => {
    const match = new RegExp(`^blocks\\.(\\d+)\\.(\\d+)\\.(.+?)\\.${batchNormPart}$`).exec(name);
    if (match !== null) {
      const [, stage = "", block = "", layer = "", part = ""] = match;
      if (Number(stage) === stageSizes.length) return `features.${last}.${layer === "conv" ? 0 : 1}.${part}`;
      const index = stageSizes.slice(0, Number(stage)).reduce((sum, size) => sum + size, 0) + Number(block);
      const inner = mobileBlock(stage === "0", excitation[index] ?? false).get(layer);
      return inner === undefined ? undefined : `features.${index + 1}.${inner}.${part}`;
    }
    return rename(name, [
      [/^conv_stem\.(.+)$/, "features.0.0.$1"],
      [/^bn1\.(.+)$/, "features.0.1.$1"],
      [/^conv_head\.(.+)$/, "classifier.0.$1"],
      [/^classifier\.(.+)$/, "classifier.3.$1"],
    ]);
  };
}

export const efficientNetKeys: KeyMapping = (name) => {
  const match = new RegExp(`^blocks\\.(\\d+)\\.(\\d+)\\.(.+?)\\.${batchNormPart}$`).exec(name);
  if (match !== null) {
    const [, stage = "", block = "", layer = "", part = ""] = match;
    const inner = mobileBlock(stage === "0", true).get(layer);
    return inner === undefined ? undefined : `features.${Number(stage) + 1}.${block}.${inner}.${part}`;
  }
  return rename(name, [
    [/^conv_stem\.(.+)$/, "features.0.0.$1"],
    [/^bn1\.(.+)$/, "features.0.1.$1"],
    [/^conv_head\.(.+)$/, "features.8.0.$1"],
    [/^bn2\.(.+)$/, "features.8.1.$1"],
    [/^classifier\.(.+)$/, "classifier.1.$1"],
  ]);
};

const convNeXtLayers: Readonly<Record<string, string>> = {
  conv_dw: "block.0",
  norm: "block.2",
  "mlp.fc1": "block.3",
  "mlp.fc2": "block.5",
};

export const convNeXtKeys: KeyMapping = (name) => {
  const block = /^stages\.(\d+)\.blocks\.(\d+)\.(.+)$/.exec(name);
  if (block !== null) {
    const [, stage = "", index = "", rest = ""] = block;
    const prefix = `features.${2 * Number(stage) + 1}.${index}`;
    if (rest === "gamma") return `${prefix}.layer_scale`;
    const [, layer = "", part = ""] = /^(.+)\.(weight|bias)$/.exec(rest) ?? [];
    const inner = convNeXtLayers[layer];
    return inner === undefined ? undefined : `${prefix}.${inner}.${part}`;
  }
  const downsample = /^stages\.(\d+)\.downsample\.(.+)$/.exec(name);
  if (downsample !== null) return `features.${2 * Number(downsample[1])}.${downsample[2]}`;
  return rename(name, [
    [/^stem\.(.+)$/, "features.0.$1"],
    [/^head\.norm\.(.+)$/, "classifier.0.$1"],
    [/^head\.fc\.(.+)$/, "classifier.2.$1"],
  ]);
};

export const regNetKeys: KeyMapping = (name) => {
  const block = /^s(\d+)\.b(\d+)\.(.+)$/.exec(name);
  if (block !== null) {
    const inner = rename(block[3] ?? "", [
      [/^conv1\.conv\.(.+)$/, "f.a.0.$1"],
      [/^conv1\.bn\.(.+)$/, "f.a.1.$1"],
      [/^conv2\.conv\.(.+)$/, "f.b.0.$1"],
      [/^conv2\.bn\.(.+)$/, "f.b.1.$1"],
      [/^se\.(fc[12]\..+)$/, "f.se.$1"],
      [/^conv3\.conv\.(.+)$/, "f.c.0.$1"],
      [/^conv3\.bn\.(.+)$/, "f.c.1.$1"],
      [/^downsample\.conv\.(.+)$/, "proj.0.$1"],
      [/^downsample\.bn\.(.+)$/, "proj.1.$1"],
    ]);
    return inner === undefined
      ? undefined
      : `trunk_output.block${block[1]}.block${block[1]}-${Number(block[2]) - 1}.${inner}`;
  }
  return rename(name, [
    [/^stem\.conv\.(.+)$/, "stem.0.$1"],
    [/^stem\.bn\.(.+)$/, "stem.1.$1"],
    [/^head\.fc\.(.+)$/, "fc.$1"],
  ]);
};

export const swinTransformerKeys: KeyMapping = (name) => {
  const block = /^layers\.(\d+)\.blocks\.(\d+)\.(.+)$/.exec(name);
  if (block !== null) {
    const inner = rename(block[3] ?? "", [
      [/^mlp\.fc1\.(.+)$/, "mlp.0.$1"],
      [/^mlp\.fc2\.(.+)$/, "mlp.3.$1"],
      [/^((?:norm[12]|attn)\..+)$/, "$1"],
    ]);
    return inner === undefined ? undefined : `features.${2 * Number(block[1]) + 1}.${block[2]}.${inner}`;
  }
  const downsample = /^layers\.(\d+)\.downsample\.(.+)$/.exec(name);
  if (downsample !== null) return `features.${2 * Number(downsample[1])}.${downsample[2]}`;
  return rename(name, [
    [/^patch_embed\.proj\.(.+)$/, "features.0.0.$1"],
    [/^patch_embed\.norm\.(.+)$/, "features.0.2.$1"],
    [/^norm\.(.+)$/, "norm.$1"],
    [/^head\.fc\.(.+)$/, "head.$1"],
  ]);
};

export const visionTransformerKeys: KeyMapping = (name) => {
  const block = /^blocks\.(\d+)\.(.+)$/.exec(name);
  if (block !== null) {
    const inner = rename(block[2] ?? "", [
      [/^norm([12])\.(.+)$/, "ln_$1.$2"],
      [/^attn\.qkv\.(.+)$/, "self_attention.in_proj_$1"],
      [/^attn\.proj\.(.+)$/, "self_attention.out_proj.$1"],
      [/^mlp\.fc1\.(.+)$/, "mlp.0.$1"],
      [/^mlp\.fc2\.(.+)$/, "mlp.3.$1"],
    ]);
    return inner === undefined ? undefined : `encoder.layers.encoder_layer_${block[1]}.${inner}`;
  }
  return rename(name, [
    [/^cls_token$/, "class_token"],
    [/^pos_embed$/, "encoder.pos_embedding"],
    [/^patch_embed\.proj\.(.+)$/, "conv_proj.$1"],
    [/^norm\.(.+)$/, "encoder.ln.$1"],
    [/^head\.(.+)$/, "heads.head.$1"],
  ]);
};

function rename(name: string, rules: readonly (readonly [RegExp, string])[]): string | undefined {
  const rule = rules.find(([pattern]) => pattern.test(name));
  return rule === undefined ? undefined : name.replace(rule[0], rule[1]);
}
