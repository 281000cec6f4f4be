import process from "node:process";
import { test, vi } from "vitest";
import { listModels, modelDefinition } from "../src/index.ts";
import { modelConformance } from "./model-conformance.ts";

vi.setConfig({ testTimeout: 30_000 });

/** The largest models are longer or wider copies of smaller ones: they are run when this is set, and take minutes. */
const all = process.env["CLASSIFIER_ALL_MODELS"] === "1";
const isLarge = (name: string) => modelDefinition(name).parameters > 30e6;

for (const name of listModels()) {
  test.skipIf(isLarge(name) && !all)(`${name} does what a model has to do`, () => {
    modelConformance(
      name,
      name === "vit_b_16" ? { imageSize: 32 } : {},
      isLarge(name) || name === "convnext_tiny" ? 32 : 64,
    );
  });
}
