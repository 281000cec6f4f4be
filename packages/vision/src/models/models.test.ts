import { autocast, manualSeed, nn, noGrad, randn, scope, type Tensor, tensor } from "@classifier-training/torch";
import { expect, test, vi } from "vitest";
import { hashInput } from "../../test/hash-fill.ts";
import { ConvNeXt } from "./convnext.ts";
import { DenseNet } from "./densenet.ts";
import type { ImageModel } from "./image-model.ts";
import { createModel, modelDefinition } from "./registry.ts";
import { SwinTransformer } from "./swin-transformer.ts";

vi.setConfig({ testTimeout: 30_000 });

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
