import {
  manualSeed,
  nn,
  noGrad,
  optim,
  randn,
  scope,
  setFusedKernels,
  type Tensor,
  tensor,
} from "@classifier-training/torch";
import { expect, test } from "vitest";
import { hashInput } from "../../test/hash-fill.ts";
import { freezeStages, parametersByStage } from "./freeze.ts";
import { replaceHead } from "./head.ts";
import { parameterGroups } from "./parameter-groups.ts";
import { createModel } from "./registry.ts";
import type { ResNet } from "./resnet.ts";

test("a new head has other classes, PyTorch's initialization, and the place and name of the old one", () => {
  const model = createModel("mobilenet_v3_small");
  const features = classifierOf(model).at(0);
  const head = replaceHead(model, 5);
  expect(head.outFeatures).toBe(5);
  expect([...model.namedParameters()].slice(-2).map(([key, { shape }]) => [key, shape])).toEqual([
    ["classifier.3.weight", [5, 1024]],
    ["classifier.3.bias", [5]],
  ]);
  expect(classifierOf(model).at(0)).toBe(features);
  expect(head.weight.abs().max().item()).toBeLessThanOrEqual(1 / Math.sqrt(1024));
});

test("frozen stages take no gradient and keep their statistics; the rest trains", () => {
  const model = createModel("resnet18", { numClasses: 4 }) as ResNet;
  const trainable = freezeStages(model, "layer2");
  model.train();
  const state = () =>
    new Map([...model.stateEntries()].map(([key, value]) => [key, scope(() => value.abs().sum().item())]));
  const before = state();
  const optimizer = new optim.AdamW(
    [...model.parameters()].filter(({ requiresGrad }) => requiresGrad),
    { lr: 0.01 },
  );
  scope(() => {
    nn.functional.crossEntropy(model.call(randn([4, 3, 64, 64])), tensor([0, 1, 2, 3], { dtype: "int64" })).backward();
  });
  optimizer.step();
  const changed = [...state()].filter(([key, value]) => before.get(key) !== value).map(([key]) => key.split(".")[0]);
  expect([...new Set(changed)]).toEqual(["layer3", "layer4", "fc"]);
  const counted = parametersByStage(model)
    .slice(-3)
    .flatMap(({ parameters }) => parameters)
    .reduce((sum, [, { numel }]) => sum + numel, 0);
  expect(trainable).toBe(counted);
  expect(freezeStages(model, "all")).toBe(4 * 512 + 4);
  expect([model.bn1.training, freezeStages(model, "none") > 0, model.bn1.training]).toEqual([false, true, true]);
  expect(freezeStages(model, "none")).toBe([...model.parameters()].reduce((sum, { numel }) => sum + numel, 0));
  expect(() => freezeStages(model, "layer9")).toThrow("unknown stage 'layer9'");
});

test("layer-wise rates fall from the head to the stem, without decay on vectors if set", () => {
  const model = createModel("resnet18", { numClasses: 4 });
  freezeStages(model, "stem");
  const groups = parameterGroups(model, { lr: 1, layerDecay: 0.5, weightDecay: 0.1, skipDecayOnVectors: true });
  expect(groups.map(({ name, lr, weightDecay }) => [name, lr, weightDecay]).slice(-4)).toEqual([
    ["layer4", 0.5, 0.1],
    ["layer4.no_decay", 0.5, 0],
    ["head", 1, 0.1],
    ["head.no_decay", 1, 0],
  ]);
  expect(groups[0]?.name).toBe("layer1");
  const all = groups.flatMap(({ params }) => params);
  expect(new Set(all).size).toBe([...model.parameters()].filter(({ requiresGrad }) => requiresGrad).length);
  expect(new optim.AdamW(groups, { lr: 1 }).paramGroups.map(({ lr }) => lr)[0]).toBeCloseTo(0.0625);
});

test("channels-last images through the fused kernels give the numbers of the plain operators", () => {
  manualSeed(1);
  const model = createModel("resnet18", { numClasses: 4 }).to({ memoryFormat: "channels_last" });
  const images = hashInput([4, 3, 64, 64]).to({ memoryFormat: "channels_last" });
  const step = (training: boolean) => {
    model.zeroGrad();
    model.train(training);
    return scope(() => {
      const output = model.call(images);
      nn.functional.crossEntropy(output, tensor([0, 1, 2, 3], { dtype: "int64" })).backward();
      const gradients = [...model.parameters()].map(({ grad }) => (grad as Tensor).norm().item());
      return [...(output.tolist() as number[][]).flat(), ...gradients];
    });
  };
  for (const training of [false, true]) {
    const fused = step(training);
    setFusedKernels(false);
    const plain = step(training);
    setFusedKernels(true);
    const difference = fused.map(
      (value, i) => Math.abs(value - (plain[i] ?? 0)) / Math.max(1, Math.abs(plain[i] ?? 0)),
    );
    expect(Math.max(...difference)).toBeLessThan(1e-3);
  }
  expect(noGrad(() => model.eval().call(images).isContiguous())).toBe(true);
});

function classifierOf(model: nn.AnyModule): nn.Sequential {
  return new Map(model.namedChildren()).get("classifier") as nn.Sequential;
}
