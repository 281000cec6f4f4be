import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { autocast, manualSeed, nn, noGrad, randn, scope, type Tensor, tensor } from "@classifier-training/torch";
import { expect, test, vi } from "vitest";
import { fillModel, hashInput } from "../../test/hash-fill.ts";
import { ConvNeXt } from "./convnext.ts";
import { DenseNet } from "./densenet.ts";
import { parametersByStage } from "./freeze.ts";
import type { ImageModel } from "./image-model.ts";
import { createModel, listModels, modelDefinition } from "./registry.ts";
import { SwinTransformer } from "./swin-transformer.ts";

vi.setConfig({ testTimeout: 60_000 });

interface Golden {
  entries: number;
  sha256: string;
  parameters: number;
  /** Of each parameter. */
  init: [mean: number, std: number][];
  size?: number;
  logits?: number[][];
  loss?: number;
  gradNorms?: number[];
}

const file = new URL("../../test/fixtures/models.json", import.meta.url);
const golden = (JSON.parse(readFileSync(file, "utf8")) as { models: Record<string, Golden> }).models;
const recorded = Object.keys(golden);
/** The largest have their names and shapes compared only, for the time that filling their weights takes. */
const isCompared = (name: string) => golden[name]?.size !== undefined && name !== "wide_resnet50_2";

function make(name: string): ImageModel {
  const { size } = golden[name] as Golden;
  const { patchSize } = modelDefinition(name);
  return createModel(name, { numClasses: 10, ...(patchSize !== undefined && { imageSize: size }) });
}

function dispose(model: nn.Module): void {
  model.zeroGrad();
  for (const entry of [...model.parameters(), ...model.buffers()]) entry.dispose();
}

test("torchvision or timm has been recorded for every model of the registry", () => {
  expect(listModels()).toEqual(recorded);
});

/** One instance serves all three questions: making and filling the large ones takes seconds. */
test.each(recorded)("%s has its original's state dict, initialization, logits and gradients", (name) => {
  manualSeed(1);
  const model = make(name);
  checkStateDict(model, golden[name] as Golden);
  checkStages(model);
  checkCount(name, model);
  if (isCompared(name)) {
    checkInitialization(model, golden[name] as Golden);
    checkNumbers(model, golden[name] as Golden);
  }
  dispose(model);
});

function checkStateDict(model: nn.Module, { entries, sha256, parameters }: Golden): void {
  const keys = [...model.stateEntries()].map(([key, { shape }]) => [key, shape]);
  expect(keys).toHaveLength(entries);
  expect(createHash("sha256").update(JSON.stringify(keys)).digest("hex")).toBe(sha256);
  expect(countParameters(model)).toBe(parameters);
}

function countParameters(model: nn.Module): number {
  return [...model.parameters()].reduce((sum, { numel }) => sum + numel, 0);
}

/** With the 1,000 classes, and the images, of the published weights. */
function checkCount(name: string, model: ImageModel): void {
  const { parameters, patchSize, weights } = modelDefinition(name);
  const state = model.stateDict();
  const features = state.get(`${model.headPath}.weight`)?.shape[1] ?? 0;
  const embedding = state.get("pos_embed") ?? state.get("encoder.pos_embedding");
  const [, tokens = 0, width = 0] = embedding?.shape ?? [];
  const usual = patchSize === undefined ? 0 : 1 + ((weights.at(-1)?.imageSize ?? 0) / patchSize) ** 2;
  expect(countParameters(model) + 990 * (features + 1) + (usual - tokens) * width).toBe(parameters);
}

/** Every parameter is of one stage or the head, whose own are all that `freezeStages("all")` leaves. */
function checkStages(model: ImageModel): void {
  const stages = parametersByStage(model);
  expect(stages.filter(({ parameters }) => parameters.length === 0).map(({ name }) => name)).toEqual([]);
  const head = stages.at(-1)?.parameters.map(([name]) => name);
  expect(head).toEqual([`${model.headPath}.weight`, `${model.headPath}.bias`]);
}

function checkInitialization(model: nn.Module, { init }: Golden): void {
  for (const [i, [key, parameter]] of [...model.namedParameters()].entries()) {
    const [mean, std] = init[i] as [number, number];
    const ours = statistics(parameter);
    const tolerance = 6 / Math.sqrt(parameter.numel);
    expect(Math.abs(ours.std - std), `${key}: std ${ours.std}, torchvision ${std}`).toBeLessThanOrEqual(
      tolerance * std,
    );
    expect(Math.abs(ours.mean - mean), `${key}: mean`).toBeLessThanOrEqual(2 * tolerance * std + 1e-7);
  }
}

function checkNumbers(model: nn.Module, { size = 32, logits = [], loss = 0, gradNorms = [] }: Golden): void {
  model.eval();
  fillModel(model);
  scope(() => {
    const output = model.call(hashInput([2, 3, size, size]));
    expectClose(output.tolist() as number[][], logits, 1e-4);
    const ours = nn.functional.crossEntropy(output, tensor([1, 7], { dtype: "int64" }));
    expect(Math.abs(ours.item() - loss)).toBeLessThan(1e-4);
    ours.backward();
  });
  for (const [i, [key, { grad: gradient }]] of [...model.namedParameters()].entries()) {
    const norm = gradNorms[i] ?? Number.NaN;
    expect(gradient, `${key} takes part in the loss`).not.toBeNull();
    const actual = statistics(gradient as Tensor).norm;
    expect(Math.abs(actual - norm), `gradient of ${key}: ${actual}, torchvision ${norm}`).toBeLessThan(
      1e-4 + 2e-3 * norm,
    );
  }
}

test("a model takes what its schema takes, and names the options otherwise", () => {
  expect(() => createModel("resnet81")).toThrow("did you mean 'resnet18'?");
  expect(() => createModel("resnet18", { num_classes: 3 })).toThrow("did you mean 'numClasses'?");
  expect(() => createModel("vit_b_16", { imageSize: 100 })).toThrow("expected a multiple of the patch size 16");
  expect(modelDefinition("resnet50").weights.at(-1)?.preprocessing.resize).toBe(232);
});

/** Narrow networks with the layers of a member of the zoo. */
const narrow: Readonly<Record<string, (imageSize: number) => ImageModel>> = {
  densenet121: () => new DenseNet({ growthRate: 4, blocks: [1, 1, 1, 1], stem: 8 }, { numClasses: 5, dropout: 0 }),
  convnext_tiny: () =>
    new ConvNeXt(
      { channels: [8, 8, 8, 8], depths: [1, 1, 1, 1], stochasticDepth: 0 },
      { numClasses: 5, layerScale: 1, dropout: 0 },
    ),
  swin_t: () =>
    new SwinTransformer(
      { channels: 8, depths: [1, 1, 1, 1], heads: [1, 1, 1, 1], stochasticDepth: 0 },
      { numClasses: 5, dropout: 0, attentionDropout: 0 },
    ),
  vit_tiny_patch16_224: (imageSize) => createModel("vit_tiny_patch16_224", { numClasses: 5, imageSize }) as ImageModel,
};

test.each(Object.keys(narrow))("the smallest images that %s computes are those of its definition", (name) => {
  const { minSize } = modelDefinition(name);
  const model = narrow[name]?.(minSize).train() as ImageModel;
  const logits = (size: number) => noGrad(() => scope(() => model.call(randn([2, 3, size, size])).tolist()));
  expect(logits(minSize)).toHaveLength(2);
  expect(() => logits(minSize - 1)).toThrow();
});

test("a Swin Transformer trains on images whose sides its windows do not divide", () => {
  const model = narrow["swin_t"]?.(0) as ImageModel;
  scope(() =>
    model
      .train()
      .call(randn([2, 3, 50, 75]))
      .sum()
      .backward(),
  );
  expect([...model.parameters()].every(({ grad }) => grad?.isfinite().all().item() === 1)).toBe(true);
});

test("the small stem keeps the resolution of the input", () => {
  const model = createModel("resnet18", { numClasses: 5, stem: "small" }).eval();
  let seen: readonly number[] = [];
  const layer1 = new Map(model.namedModules()).get("layer1");
  layer1?.registerForwardHook((_, inputs) => {
    seen = (inputs[0] as Tensor).shape;
  });
  using output = model.call(hashInput([2, 3, 32, 32]));
  expect(output.shape).toEqual([2, 5]);
  expect(seen).toEqual([2, 64, 32, 32]);
});

test("a narrower network has the same layers with fewer channels", () => {
  const shapes = (width: number) =>
    new Map([...createModel("resnet18", { numClasses: 5, width }).stateDict()].map(([key, { shape }]) => [key, shape]));
  const [narrow, usual] = [shapes(16), shapes(64)];
  expect([...narrow.keys()]).toEqual([...usual.keys()]);
  expect(narrow.get("layer4.1.conv2.weight")).toEqual([128, 128, 3, 3]);
  expect(narrow.get("fc.weight")).toEqual([5, 128]);
});

function statistics(parameter: Tensor): { mean: number; std: number; norm: number } {
  return scope(() => {
    const values = parameter.detach();
    const std = values.numel > 1 ? values.std(null, { correction: 0 }).item() : 0;
    return { mean: values.mean().item(), std, norm: values.norm().item() };
  });
}

function expectClose(actual: number[][], expected: number[][], tolerance: number): void {
  const difference = Math.max(
    ...expected.flatMap((row, i) => row.map((value, j) => Math.abs(value - (actual[i]?.[j] ?? NaN)))),
  );
  expect(difference).toBeLessThan(tolerance);
}

test("a ConvNeXt trains in bfloat16 under autocast, its layer norms too", () => {
  manualSeed(2);
  scope(() => {
    const config = { channels: [8, 16, 16, 24], depths: [1, 1, 2, 1], stochasticDepth: 0 };
    const model = new ConvNeXt(config, { numClasses: 3, layerScale: 1, dropout: 0 });
    const x = randn([2, 3, 64, 64]);
    const target = tensor([0, 2], { dtype: "int64" });
    const lossOf = (enabled: boolean) => {
      model.zeroGrad();
      const loss = autocast({ enabled }, () => nn.functional.crossEntropy(model.call(x), target));
      loss.backward();
      return loss.item();
    };
    expect(lossOf(true)).toBeCloseTo(lossOf(false), 1);
    lossOf(true);
    for (const { grad } of model.parameters()) {
      expect([grad?.dtype, grad?.isfinite().all().item()]).toEqual(["float32", 1]);
    }
  });
});
