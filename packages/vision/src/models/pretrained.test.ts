import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { setLogSinks } from "@classifier-training/base";
import { fromTypedArray, nn, noGrad, serialization, type Tensor, tensor } from "@classifier-training/torch";
import { afterEach, beforeEach, expect, test } from "vitest";
import { serveFile, startServer } from "../../../torch/test/http-server.ts";
import { fillModel, hashInput, hashValues } from "../../test/hash-fill.ts";
import { PythonInstance, writePth } from "../../test/write-pth.ts";
import { targets } from "../targets.ts";
import { readStateDict } from "../weights/state-dict.ts";
import { ConvNeXt } from "./convnext.ts";
import type { ImageModel } from "./image-model.ts";
import { loadWeights } from "./load-weights.ts";
import { networkOf } from "./network-of.ts";
import { resizePositionEmbedding } from "./position-embedding.ts";
import { createPretrainedModel, loadPretrained, timmPreprocessing } from "./pretrained.ts";
import { createModel, listModels, modelDefinition } from "./registry.ts";
import { VisionTransformer } from "./vision-transformer.ts";

/** The smallest model of the registry stands for all in what does not depend on the family. */
const name = "mobilenet_v3_small";

let folder: string;
let env: Record<string, string>;
let cleanups: (() => unknown)[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pretrained-"));
  env = { XDG_CACHE_HOME: folder };
  cleanups = [() => rmSync(folder, { recursive: true }), setLogSinks([])];
});
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

function filled(name: string, options = {}): ImageModel {
  const model = createModel(name, { numClasses: 4, ...options });
  fillModel(model);
  return model.eval() as ImageModel;
}

function save(entries: Iterable<[string, Tensor]>): string {
  const path = join(folder, "weights.safetensors");
  serialization.saveSafetensors(path, new Map(entries));
  return path;
}

function logits(model: ImageModel, size = 32): number[][] {
  return noGrad(() =>
    model
      .eval()
      .call(hashInput([2, 3, size, size]))
      .tolist(),
  ) as number[][];
}

test("a file's weights give the model's logits, and the geometry of published weights comes along", async () => {
  const original = filled(name);
  const path = save(original.stateDict());
  const copy = createModel(name, { numClasses: 4 });
  const info = await loadPretrained(copy, name, path);
  expect(info).toMatchObject({ path, headSkipped: false, fromTimm: false, preprocessing: undefined });
  expect(logits(copy)).toEqual(logits(original));
});

test("a head for other classes stays new, everything else is loaded", async () => {
  const original = filled(name);
  const path = save(original.stateDict());
  const model = createModel(name, { numClasses: 9 });
  expect((await loadPretrained(model, name, path)).headSkipped).toBe(true);
  const [ours, theirs] = [model.stateDict(), original.stateDict()];
  for (const [key, value] of ours) {
    if (!key.startsWith("classifier.3")) expect(value.equal(theirs.get(key) as Tensor), key).toBe(true);
  }
});

test("wrapped checkpoints, and files from before num_batches_tracked, are read", async () => {
  const original = filled(name);
  const state = [...original.stateDict()].filter(([key]) => !key.endsWith("num_batches_tracked"));
  const path = save(state.map(([key, value]) => [`module._orig_mod.${key}`, value]));
  const model = createModel(name, { numClasses: 4 });
  await loadPretrained(model, name, path);
  expect(logits(model)).toEqual(logits(original));
});

/** What public training scripts save, from a model's state dict. */
const scripts: Record<string, (state: Map<string, Tensor>) => unknown> = {
  "PyTorch's ImageNet example": (state) => ({
    epoch: 90,
    arch: "x",
    state_dict: prefixed("module.", state),
    best_acc1: tensor(76.1),
    optimizer: { state: {}, lr: 1 },
  }),
  "Lightning with a weighted criterion": (state) => ({
    epoch: 3,
    state_dict: new Map([...prefixed("model.", state), ["criterion.weight", tensor([1, 2])]]),
    hyper_parameters: { lr: 1 },
  }),
  "a network inside of a network": (state) => ({ state_dict: prefixed("model.net.backbone.", state) }),
  "torchvision's references with averaged weights": (state) => ({
    model: new Map([...state].map(([name]) => [name, tensor(0)])),
    model_ema: new Map([...prefixed("module.", state), ["n_averaged", tensor(7)]]),
  }),
  "weights under weights": (state) => ({ weights: state }),
  "a compiled model": (state) => prefixed("_orig_mod.", state),
};

const prefixed = (prefix: string, state: Iterable<[string, Tensor]>) =>
  new Map([...state].map(([key, value]) => [`${prefix}${key}`, value] as [string, Tensor]));

test.each(Object.entries(scripts))("the checkpoint of %s gives the model's logits", async (_, wrap) => {
  const original = filled(name);
  const path = join(folder, "checkpoint.pth");
  writePth(path, wrap(new Map(original.stateDict())));
  const model = createModel(name, { numClasses: 4 });
  expect(await loadPretrained(model, name, path)).toMatchObject({ headSkipped: false, fromTimm: false });
  expect(logits(model)).toEqual(logits(original));
});

test("a backbone without its head leaves the model a new one", async () => {
  const original = filled(name);
  const path = join(folder, "backbone.pth");
  writePth(
    path,
    prefixed(
      "backbone.",
      [...original.stateDict()].filter(([key]) => !key.startsWith("classifier.3")),
    ),
  );
  const model = createModel(name, { numClasses: 9 });
  expect((await loadPretrained(model, name, path)).headSkipped).toBe(true);
  const key = "features.12.0.weight";
  expect(
    model
      .stateDict()
      .get(key)
      ?.equal(original.stateDict().get(key) as Tensor),
  ).toBe(true);
});

test.each([
  ["a whole model", new PythonInstance("torchvision.models.resnet", "ResNet")],
  ["a whole model in a checkpoint", { epoch: 1, model: new PythonInstance("torchvision.models.resnet", "ResNet") }],
])("%s is refused with its class and what to do in Python", async (_, tree) => {
  const path = join(folder, "model.pth");
  writePth(path, tree);
  await expect(loadPretrained(createModel(name), name, path)).rejects.toThrow(
    /model\.pth holds a whole model, an object of the Python class torchvision\.models\.resnet\.ResNet.*\n.*state_dict\(\)/,
  );
});

test("a web page is not weights: neither on disk nor answered with 200, and it is not kept", async () => {
  const page = "<!DOCTYPE html>\n<html>Please log in</html>";
  const path = join(folder, "weights.pth");
  writeFileSync(path, page);
  await expect(loadPretrained(createModel(name), name, path)).rejects.toThrow("weights.pth is a web page, not weights");
  const server = await startServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(page));
  cleanups.push(() => server.close());
  const load = () => loadPretrained(createModel(name), name, `${server.url}/weights.pth`, { env, progress: false });
  for (let i = 0; i < 2; i++)
    await expect(load()).rejects.toThrow("the server answers with a web page instead of the file");
});

test("what does not fit is listed with names and shapes", async () => {
  const path = save([...filled(name).stateDict()].filter(([key]) => key !== "features.0.1.weight"));
  await expect(loadPretrained(createModel(name, { numClasses: 4 }), name, path)).rejects.toThrow(
    "the weights do not fit mobilenet_v3_small:\n  - 1 missing key: features.0.1.weight",
  );
  const large = "mobilenet_v3_large";
  await expect(loadPretrained(createModel(large, { numClasses: 4 }), large, path)).rejects.toThrow(
    /missing keys: .* and \d+ more/,
  );
  const whole = save(filled(name).stateDict());
  await expect(loadPretrained(createModel(large, { numClasses: 4 }), large, whole)).rejects.toThrow(
    `the weights do not fit ${large}: the file looks like ${name}\n  where: ${whole}\n  fix: model=${name}, or another file`,
  );
});

test.each(["resnet18", "resnet34", "mobilenet_v3_large", "efficientnet_b0"])(
  "the weights of %s are known by their number, whatever their names and classes, and without a head",
  (network) => {
    const model = createModel(network, { numClasses: 7 });
    const definitions = listModels().map(modelDefinition);
    const state = [...model.stateDict()];
    const of = (entries: Iterable<[string, Tensor]>) => networkOf(new Map(entries), definitions);
    expect(
      of(state.map(([key, value], i) => [`module.net.${i}${/running|tracked/.exec(key)?.input ?? ""}`, value])),
    ).toBe(network);
    const backbone = state.filter(([key]) => !key.startsWith(`${model.headPath}.`));
    expect(of([...prefixed("encoder.", backbone), ["criterion.weight", tensor([1, 2])]])).toBe(network);
    expect(of(state.slice(3))).toBeUndefined();
  },
);

/** A narrow model with the parameter names of a family's member. */
function narrow(member: string): ImageModel {
  const depths = [3, 3, 9, 3];
  const common = { numClasses: 4 };
  if (member === "convnext_tiny") {
    return new ConvNeXt(
      { channels: [4, 4, 4, 4], depths, stochasticDepth: 0 },
      { ...common, layerScale: 1, dropout: 0 },
    );
  }
  if (member === "vit_b_16") return narrowTransformer(32, 12);
  return createModel(member, common);
}

function narrowTransformer(imageSize: number, layers: number): ImageModel {
  const config = { patchSize: 16, layers, heads: 2, hidden: 8, mlp: 16 };
  return new VisionTransformer(config, {
    numClasses: 4,
    imageSize,
    dropout: 0,
    attentionDropout: 0,
    stochasticDepth: 0,
  });
}

/** timm's spelling of torchvision's names, written down by hand from timm's published key lists. */
const timmNames: Record<string, [timm: string, torchvision: string][]> = {
  mobilenet_v3_large: [
    ["conv_stem.weight", "features.0.0.weight"],
    ["bn1.running_mean", "features.0.1.running_mean"],
    ["blocks.0.0.conv_dw.weight", "features.1.block.0.0.weight"],
    ["blocks.0.0.conv_pw.weight", "features.1.block.1.0.weight"],
    ["blocks.1.0.conv_pw.weight", "features.2.block.0.0.weight"],
    ["blocks.2.0.se.conv_reduce.bias", "features.4.block.2.fc1.bias"],
    ["blocks.2.2.bn3.weight", "features.6.block.3.1.weight"],
    ["blocks.5.2.conv_pwl.weight", "features.15.block.3.0.weight"],
    ["blocks.6.0.conv.weight", "features.16.0.weight"],
    ["blocks.6.0.bn1.bias", "features.16.1.bias"],
    ["conv_head.bias", "classifier.0.bias"],
    ["classifier.weight", "classifier.3.weight"],
  ],
  mobilenet_v3_small: [
    ["blocks.0.0.se.conv_expand.weight", "features.1.block.1.fc2.weight"],
    ["blocks.0.0.bn2.weight", "features.1.block.2.1.weight"],
    ["blocks.1.1.conv_pwl.weight", "features.3.block.2.0.weight"],
    ["blocks.5.0.conv.weight", "features.12.0.weight"],
  ],
  efficientnet_b0: [
    ["blocks.0.0.se.conv_reduce.weight", "features.1.0.block.1.fc1.weight"],
    ["blocks.0.0.conv_pw.weight", "features.1.0.block.2.0.weight"],
    ["blocks.5.3.bn3.running_var", "features.6.3.block.3.1.running_var"],
    ["conv_head.weight", "features.8.0.weight"],
    ["bn2.weight", "features.8.1.weight"],
    ["classifier.bias", "classifier.1.bias"],
  ],
  convnext_tiny: [
    ["stem.0.weight", "features.0.0.weight"],
    ["stem.1.bias", "features.0.1.bias"],
    ["stages.0.blocks.0.conv_dw.weight", "features.1.0.block.0.weight"],
    ["stages.2.blocks.8.gamma", "features.5.8.layer_scale"],
    ["stages.2.blocks.8.mlp.fc2.bias", "features.5.8.block.5.bias"],
    ["stages.3.downsample.1.weight", "features.6.1.weight"],
    ["head.norm.weight", "classifier.0.weight"],
    ["head.fc.bias", "classifier.2.bias"],
  ],
  vit_b_16: [
    ["cls_token", "class_token"],
    ["pos_embed", "encoder.pos_embedding"],
    ["patch_embed.proj.weight", "conv_proj.weight"],
    ["blocks.11.attn.qkv.weight", "encoder.layers.encoder_layer_11.self_attention.in_proj_weight"],
    ["blocks.3.attn.proj.bias", "encoder.layers.encoder_layer_3.self_attention.out_proj.bias"],
    ["blocks.3.norm2.weight", "encoder.layers.encoder_layer_3.ln_2.weight"],
    ["blocks.3.mlp.fc1.weight", "encoder.layers.encoder_layer_3.mlp.0.weight"],
    ["norm.weight", "encoder.ln.weight"],
    ["head.weight", "heads.head.weight"],
  ],
};

const fixture = new URL("../../test/fixtures/models.json", import.meta.url);
const recorded = JSON.parse(readFileSync(fixture, "utf8")) as {
  /** Names and shapes of timm's state dicts: JSON, compressed. */
  timm: Record<string, string>;
  positionEmbedding: Record<string, number[]>;
};

test.each(Object.keys(recorded.timm))(
  "every name of timm's state dict for %s is one of the model's, with its shape",
  (member) => {
    const { fromTimm = (key: string) => key } = modelDefinition(member);
    const bytes = inflateSync(Buffer.from(recorded.timm[member] ?? "", "base64"));
    const theirs = new Map(
      (JSON.parse(bytes.toString()) as [string, number[]][]).map(([key, shape]) => [fromTimm(key), shape.join()]),
    );
    const ours = [...createModel(member, { numClasses: 10 }).stateEntries()]
      .filter(([key]) => !key.endsWith("relative_position_index"))
      .map(([key, { shape }]) => [key, shape.join()] as const);
    expect([...theirs].sort()).toEqual([...ours].sort());
  },
);

test("a position embedding of timm is resampled as timm does, smaller and larger", () => {
  const embedding = fromTypedArray(Float32Array.from(hashValues(26 * 2, 3)), [1, 26, 2]);
  for (const [side, expected] of Object.entries(recorded.positionEmbedding)) {
    const resized = resizePositionEmbedding(embedding, 1 + Number(side) ** 2, "antialias");
    expect(resized.shape).toEqual([1, 1 + Number(side) ** 2, 2]);
    for (const [i, value] of [...resized.toTypedArray()].entries()) expect(value).toBeCloseTo(expected[i] ?? 0, 5);
  }
});

test("safetensors whose header's length begins like a pickle are safetensors", async () => {
  const header = Buffer.from(JSON.stringify({ w: { dtype: "F32", shape: [1], data_offsets: [0, 4] } }).padEnd(0x280));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const path = join(folder, "weights.safetensors");
  writeFileSync(path, Buffer.concat([length, header, Buffer.from(Float32Array.of(0.5).buffer)]));
  expect((await readStateDict(path)).get("w")?.tolist()).toEqual([0.5]);
});

test("DenseNet's published file has older names", () => {
  const original = createModel("densenet121", { numClasses: 4 });
  const old = [...original.stateDict()].map(
    ([key, value]) => [key.replace(/(norm|conv)([12])\./, "$1.$2."), value] as const,
  );
  expect(old.map(([key]) => key)).toContain("features.denseblock1.denselayer1.norm.1.weight");
  const model = createModel("densenet121", { numClasses: 4 });
  loadWeights(model, modelDefinition("densenet121"), new Map(old));
  const key = "features.denseblock4.denselayer16.conv2.weight";
  expect(
    model
      .stateDict()
      .get(key)
      ?.equal(original.stateDict().get(key) as Tensor),
  ).toBe(true);
});

test.each(Object.keys(timmNames))("timm's names of %s are torchvision's", (member) => {
  const { fromTimm } = modelDefinition(member);
  const keys = new Set([...narrow(member).stateEntries()].map(([key]) => key));
  for (const [timm, torchvision] of timmNames[member] ?? []) {
    expect(fromTimm?.(timm)).toBe(torchvision);
    expect(keys).toContain(torchvision);
  }
});

/** Turns a state dict into what timm would have written, by trying all the names that timm has. */
function asTimm(name: string, state: ReadonlyMap<string, Tensor>): [string, Tensor][] {
  const { fromTimm } = modelDefinition(name);
  const parts = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];
  const layers = "conv_pw bn1 conv_dw bn2 se.conv_reduce se.conv_expand conv_pwl bn3 conv".split(" ");
  const blocks = Array.from({ length: 8 }, (_, s) => Array.from({ length: 10 }, (_, b) => `blocks.${s}.${b}`)).flat();
  const names = [...blocks.flatMap((block) => layers.map((layer) => `${block}.${layer}`)), "conv_stem", "bn1", "bn2"];
  names.push("conv_head", "classifier");
  const spelled = new Map<string, string>();
  for (const layer of names) {
    for (const part of parts) {
      const key = fromTimm?.(`${layer}.${part}`);
      if (key !== undefined && state.has(key)) spelled.set(key, `${layer}.${part}`);
    }
  }
  return [...state].map(([key, value]) => [spelled.get(key) ?? `lost.${key}`, value]);
}

test("timm's MobileNetV3 and EfficientNet load whole, with timm's epsilon", async () => {
  for (const name of ["mobilenet_v3_large", "mobilenet_v3_small", "efficientnet_b0"]) {
    const original = filled(name);
    const path = save(
      asTimm(name, original.stateDict()).map(([key, value]) => [
        key,
        key === "conv_head.weight" && value.ndim === 2 ? value.reshape([...value.shape, 1, 1]) : value,
      ]),
    );
    const model = createModel(name, { numClasses: 4 });
    expect((await loadPretrained(model, name, path)).fromTimm).toBe(true);
    for (const module of original.modules()) {
      if (module instanceof nn.BatchNorm2d) Object.assign(module, { eps: 1e-5 });
    }
    expect(logits(model)).toEqual(logits(original));
  }
});

test("a Vision Transformer takes an embedding for another image size, and torchvision's old names", () => {
  const original = narrowTransformer(32, 1);
  const state = [...original.stateDict()].map(([key, value]): [string, Tensor] => [
    key.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2."),
    value,
  ]);
  const model = narrowTransformer(64, 1);
  loadWeights(model, modelDefinition("vit_b_16"), new Map(state));
  const [ours, theirs] = [model, original].map((vit) => vit.stateDict().get("encoder.pos_embedding") as Tensor);
  expect(ours?.shape).toEqual([1, 17, 8]);
  const token = (embedding: Tensor | undefined, i: number) => embedding?.select(1, i).tolist();
  expect(token(ours, 0)).toEqual(token(theirs, 0));
  expect(token(ours, 16)).toEqual(token(theirs, 4)); // aligned corners keep the corners
});

test("a published name downloads its file; timm's config gives the geometry", async () => {
  const original = filled(name, { numClasses: 1000 });
  const content = readFileSync(save(original.stateDict()));
  const digest = createHash("sha256").update(content).digest("hex");
  const config = {
    pretrained_cfg: { input_size: [3, 224, 224], crop_pct: 0.95, interpolation: "bicubic", mean: [0.5, 0.5, 0.5] },
  };
  const server = await startServer((request, response) => {
    if (request.url?.endsWith("config.json") === true) response.end(JSON.stringify(config));
    else serveFile(request, response, content);
  });
  cleanups.push(() => server.close());
  Object.assign(env, { HF_ENDPOINT: server.url, CLASSIFIER_WEIGHTS_MIRROR: server.url });
  const options = { env, progress: false, attempts: 1, backoffMs: 1 };
  const model = createModel(name, { numClasses: 4 });
  const info = await loadPretrained(model, name, "timm/mobilenetv3_small_100.lamb_in1k", options);
  expect(info.preprocessing).toMatchObject({ resize: 235, crop: 224, interpolation: "bicubic", mean: [0.5, 0.5, 0.5] });
  await expect(createPretrainedModel(name, {}, "MobileNet_V3_Small_Weights.IMAGENET1K_V1", options)).rejects.toThrow(
    `has SHA-256 ${digest.slice(0, 8)}, expected 047dcff4`,
  );
  await expect(createPretrainedModel(name, {}, "IMAGENET1K_V2", options)).rejects.toThrow(
    "did you mean 'IMAGENET1K_V1'?",
  );
});

test("timm's evaluation geometry: the shorter side is the crop over crop_pct, rounded down", () => {
  expect(timmPreprocessing({ pretrained_cfg: { input_size: [3, 224, 224], crop_pct: 0.875 } })?.resize).toBe(256);
  expect(timmPreprocessing({})).toBeUndefined();
});

test("a configuration names models as torchvision does", async () => {
  const target = targets["torchvision.models.mobilenet_v3_small"];
  const model = (await target?.invoke([], { num_classes: 3, dropout: 0 })) as ImageModel;
  expect(logits(model)[0]).toHaveLength(3);
  expect(() => target?.invoke([], { numclasses: 3 })).toThrow("did you mean 'num_classes'?");
  const path = save(filled(name).stateDict());
  const loaded = (await target?.invoke([], { num_classes: 4, weights: path })) as ImageModel;
  expect(logits(loaded)).toEqual(logits(filled(name)));
});
