import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { manualSeed } from "@classifier-training/torch";
import { expect, test } from "vitest";
import { inspectCheckpoint, ModelCheckpoint, Trainer } from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";

function folder(): string {
  return mkdtempSync(join(tmpdir(), "lightning-"));
}

test("a model is trained, validated and saved", async () => {
  manualSeed(1);
  const dir = folder();
  const model = new BoringModule();
  const checkpoint = new ModelCheckpoint({ dirpath: join(dir, "ck"), monitor: "v", saveLast: true });
  const trainer = new Trainer({
    maxEpochs: 3,
    defaultRootDir: dir,
    callbacks: [checkpoint],
    enableProgressBar: false,
    enableModelSummary: false,
  });
  await trainer.fit(model, { trainDataloaders: numbers(4), valDataloaders: numbers(2, { start: 1 }) });
  expect(trainer.globalStep).toBe(12);
  expect(trainer.currentEpoch).toBe(3);
  expect(readdirSync(join(dir, "ck")).length).toBe(2);
  const info = inspectCheckpoint(checkpoint.bestModelPath);
  expect(info.weights.map(({ name }) => name)).toEqual(["l.weight", "l.bias"]);
  expect(await trainer.test(model, { dataloaders: numbers(2), verbose: false })).toEqual([{ t: expect.any(Number) }]);
});
