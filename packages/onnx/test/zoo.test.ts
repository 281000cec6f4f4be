import { manualSeed, noGrad, randn } from "@classifier-training/torch";
import { createModel, listModels } from "@classifier-training/vision";
import { expect, test, vi } from "vitest";
import { checkOnnx, exportOnnx } from "../src/index.ts";

vi.setConfig({ testTimeout: 60_000 });

/** The largest differ from their smaller relatives only in the number of blocks, and would take the time of all others. */
const tooLarge = ["resnet152", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2"];
const names = listModels().filter((name) => !tooLarge.includes(name));

test.each(names)("%s exports, and gives the same logits for two batch sizes", async (name) => {
  manualSeed(0);
  const options = name === "vit_b_16" ? { imageSize: 32 } : {};
  const model = createModel(name, { numClasses: 7, ...options });
  noGrad(() => {
    // fresh weights give logits near zero, which hides differences, and in deep ResNets huge ones, which exaggerates them
    for (const [key, parameter] of model.namedParameters()) {
      if (key.startsWith(model.headPath)) parameter.copy_(randn([...parameter.shape]));
      if (/layer\d.*bn[23].weight/.test(key)) parameter.fill_(0.3);
      if (key.endsWith("layer_scale")) parameter.fill_(0.5);
    }
  });
  using input = randn([1, 3, 32, 32]);
  const exported = exportOnnx(model, input, { outputNames: ["logits"] });
  expect(exported.outputs).toEqual([{ name: "logits", dtype: "float32", shape: ["batch", 7] }]);
  const { maxAbsDiff } = await checkOnnx(exported.bytes, input, model, { atol: 1e-4, rtol: 1e-5 });
  expect(maxAbsDiff).toBeLessThan(1e-3);
  for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
});
