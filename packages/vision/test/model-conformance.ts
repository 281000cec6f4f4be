import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { manualSeed, nn, noGrad, randn, scope, serialization, tensor } from "@classifier-training/torch";
import { expect } from "vitest";
import { createModel, type ImageModel, type ModelOptions, parametersByStage, replaceHead } from "../src/index.ts";

/**
 * What every model of the registry has to do; call it in a test for a model of your own.
 * - logits [N, classes] in training and evaluation, the same ones twice in evaluation;
 * - the loss reaches every parameter, and every parameter belongs to one stage or the head;
 * - a saved state brings back the same logits;
 * - the head can be replaced, and nothing else changes then.
 */
export function modelConformance(name: string, options: ModelOptions, size: number): void {
  manualSeed(5);
  const numClasses = 3;
  const model = createModel(name, { numClasses, ...options });
  using images = randn([2, 3, size, size]);
  const logits = (of: ImageModel) => noGrad(() => scope(() => of.eval().call(images).tolist())) as number[][];

  scope(() => {
    const output = model.train().call(images);
    expect(output.shape).toEqual([2, numClasses]);
    nn.functional.crossEntropy(output, tensor([0, 2], { dtype: "int64" })).backward();
  });
  const untouched = [...model.namedParameters()].filter(([, { grad }]) => grad === null).map(([key]) => key);
  expect(untouched).toEqual([]);
  model.zeroGrad();

  const staged = parametersByStage(model);
  expect(staged.filter(({ parameters }) => parameters.length === 0).map(({ name: stage }) => stage)).toEqual([]);
  expect(staged.at(-1)?.parameters.every(([key]) => key.startsWith(`${model.headPath}.`))).toBe(true);

  const before = logits(model);
  expect(logits(model)).toEqual(before);
  const path = join(tmpdir(), `model-conformance-${process.pid}-${name}.safetensors`);
  try {
    serialization.saveSafetensors(path, model.stateDict());
    noGrad(() => {
      for (const [, value] of model.stateEntries()) value.fill_(0);
    });
    scope(() => model.loadStateDict(serialization.loadSafetensors(path).tensors));
  } finally {
    rmSync(path, { force: true });
  }
  expect(logits(model)).toEqual(before);

  const keys = [...model.stateEntries()].map(([key]) => key);
  replaceHead(model, 7);
  expect([...model.stateEntries()].map(([key]) => key)).toEqual(keys);
  expect(logits(model)[0]).toHaveLength(7);
  for (const entry of [...model.parameters(), ...model.buffers()]) entry.dispose();
}
