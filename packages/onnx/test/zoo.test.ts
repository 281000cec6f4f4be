import { manualSeed, noGrad, randn } from "@classifier-training/torch";
import { createModel, listModels, modelDefinition } from "@classifier-training/vision";
import { expect, test, vi } from "vitest";
import { checkOnnx, exportOnnx } from "../src/index.ts";

vi.setConfig({ testTimeout: 60_000 });

/** The largest differ from their smaller relatives only in sizes, and would take the time of all others. */
const isTooLarge = (name: string) => modelDefinition(name).parameters > 40e6 && name !== "vit_b_16";
const names = listModels().filter((name) => !isTooLarge(name));

test.each(names)("%s exports, and gives the same logits for two batch sizes", async (name) => {
  manualSeed(0);
  const { patchSize } = modelDefinition(name);
  // 2x2 patches; windows of 7x7 that are shifted in the first stage of a Swin Transformer
  const size = patchSize === undefined ? (name === "swin_t" ? 64 : 32) : 2 * patchSize;
  const model = createModel(name, { numClasses: 7, ...(patchSize !== undefined && { imageSize: size }) });
  noGrad(() => {
    // fresh weights give logits near zero, which hides differences, and in deep ResNets huge ones, which exaggerates them
    for (const [key, parameter] of model.namedParameters()) {
      if (key.startsWith(model.headPath)) parameter.copy_(randn([...parameter.shape]));
      if (/layer\d.*bn[23].weight/.test(key)) parameter.fill_(0.3);
      if (/layer_scale$|gamma$/.test(key)) parameter.fill_(0.5);
    }
  });
  using input = randn([1, 3, size, size]);
  const exported = exportOnnx(model, input, { outputNames: ["logits"] });
  expect(exported.outputs).toEqual([{ name: "logits", dtype: "float32", shape: ["batch", 7] }]);
  const { maxAbsDiff } = await checkOnnx(exported.bytes, input, model, { atol: 1e-4, rtol: 1e-5 });
  expect(maxAbsDiff).toBeLessThan(1e-3);
  for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
});
