import { expect, test } from "vitest";
import { HistogramCallback } from "../src/callbacks/histogram-callback.ts";
import type { LightningModule } from "../src/core/module.ts";
import type { TrainerView } from "../src/core/trainer-view.ts";

test("weights and gradients go to the loggers that take histograms, every N steps", () => {
  const logged: [string, number[], number][] = [];
  const logger = {
    logHistogram: (key: string, values: ArrayLike<number>, step: number) =>
      logged.push([key, Array.from(values), step]),
  };
  const tensor = (...values: number[]) => ({ toTypedArray: () => Float32Array.from(values) });
  const parameters = [
    ["fc.weight", { ...tensor(1, 2), grad: tensor(0.5, 0.25) }],
    ["fc.bias", { ...tensor(3), grad: null }],
  ];
  const module = { namedParameters: () => parameters } as unknown as LightningModule;
  const callback = new HistogramCallback({ everyNSteps: 2 });
  for (const globalStep of [0, 0, 1, 2]) {
    callback.onBeforeOptimizerStep({ globalStep, loggers: [logger, {}] } as unknown as TrainerView, module);
  }
  expect(logged).toEqual([
    ["weights/fc.weight", [1, 2], 0],
    ["gradients/fc.weight", [0.5, 0.25], 0],
    ["weights/fc.bias", [3], 0],
    ["weights/fc.weight", [1, 2], 2],
    ["gradients/fc.weight", [0.5, 0.25], 2],
    ["weights/fc.bias", [3], 2],
  ]);
});
