import { manualSeed, setFusedKernels, type Tensor } from "@classifier-training/torch";
import { afterEach, expect, test } from "vitest";
import { EMACallback, Trainer } from "../src/index.ts";
import { KillableModule, killableLoader } from "./kill/run.ts";

afterEach(() => setFusedKernels(true));

async function average(inStep: boolean, fused: boolean): Promise<Map<string, number[]>> {
  setFusedKernels(fused);
  manualSeed(4);
  const ema = new EMACallback({ decay: 0.9 });
  if (!inStep) Object.defineProperty(ema, "averagesInStep", { value: undefined });
  const trainer = new Trainer({
    maxEpochs: 2,
    gradientClipVal: 0.5,
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    callbacks: [ema],
  });
  await trainer.fit(new KillableModule(), { trainDataloaders: killableLoader(5, "train", 0) });
  expect(ema.steps).toBe(10);
  return new Map(
    [...(ema.average ?? [])].map(([name, value]: [string, Tensor]) => [name, [value.tolist()].flat(3) as number[]]),
  );
}

test("weights averaged within the optimizer's pass are those averaged after it", async () => {
  const after = await average(false, false);
  for (const fused of [true, false]) {
    const within = await average(true, fused);
    for (const [name, values] of after) {
      // Gradients of a bias before batch norm are rounding noise, which AdamW magnifies.
      if (name === "net.0.bias" || name === "net.1.running_mean") continue;
      for (const [i, value] of values.entries()) expect(within.get(name)?.[i]).toBeCloseTo(value, 3);
    }
  }
});
