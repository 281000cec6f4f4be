import process from "node:process";
import { test, vi } from "vitest";
import { listModels, modelDefinition } from "../src/index.ts";
import { modelConformance } from "./model-conformance.ts";

vi.setConfig({ testTimeout: 30_000 });

/** The largest models are longer or wider copies of smaller ones: they are run when this is set, and take minutes. */
const all = process.env["CLASSIFIER_ALL_MODELS"] === "1";
const isLarge = (name: string) => modelDefinition(name).parameters > 30e6 || name === "swin_t";

for (const name of listModels()) {
  const { patchSize, family } = modelDefinition(name);
  const size = patchSize === undefined ? (isLarge(name) || family === "convnext" ? 32 : 64) : 2 * patchSize;
  test.skipIf(isLarge(name) && !all)(`${name} does what a model has to do`, () => {
    modelConformance(name, patchSize === undefined ? {} : { imageSize: size }, size);
  });
}
