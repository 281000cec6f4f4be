import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { main } from "@classifier-training/hydra";
import { afterAll, beforeAll, expect, test } from "vitest";
import { configFolders } from "../extensions.ts";
import { registerAll } from "../registry.ts";
import { configSignature } from "./signature.ts";

let dir = "";
let runs = 0;
let before: Record<string, unknown> = {};

beforeAll(async () => {
  registerAll();
  dir = mkdtempSync(join(tmpdir(), "signature-"));
  before = await signatureOf([]);
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The signature of what the command line composes, in a run directory of its own. */
async function signatureOf(
  overrides: readonly string[],
  configName = "train_jersey_ocr_resnet18_local",
): Promise<Record<string, unknown>> {
  const argv = [...overrides, `hydra.run.dir=${join(dir, String(runs++))}`];
  const { jobs } = await main(
    { fallbackPath: configFolders(), configName, argv },
    (config, { outputDir, originalCwd }) =>
      configSignature(config, { outputDir, workingDir: originalCwd, hasDataSignature: true }),
  );
  return jobs[0]?.value ?? {};
}

test.each([
  "trainer.max_epochs=3",
  "+trainer.max_steps=10",
  "+trainer.max_time=00:01:00:00",
  "trainer.devices=2",
  "trainer.accelerator=cpu",
  "trainer.enable_progress_bar=false",
  "trainer.log_every_n_steps=1",
  "data.num_workers=3",
  "data.use_cache=false",
  "data.data_root=elsewhere",
  "logging=csv",
  "log_level=ERROR",
  "resume=true",
  "callbacks.early_stopping=null",
  "callbacks.early_stopping.patience=3",
  "callbacks.model_checkpoint.dirpath=other",
  "callbacks.onnx_export.variants=[fp16]",
  "+callbacks.device_stats={_target_: lightning.pytorch.callbacks.DeviceStatsMonitor}",
])("%s is the same experiment, in another run directory", async (override) => {
  expect(await signatureOf([override])).toEqual(before);
});

test.each([
  ["model.learning_rate=0.01", "model.learning_rate"],
  ["model=resnet34", "model._target_"],
  ["seed=7", "seed"],
  ["data.batch_size=16", "data.batch_size"],
  ["data.image_size=64", "data.image_size"],
  ["data.class_weights=none", "data.class_weights"],
  ["data.sampler.mode=balanced", "data.sampler.mode"],
  ["transforms=default", "transforms.train_transforms.transforms.1._target_"],
  ["trainer.precision=bf16-mixed", "trainer.precision"],
  ["+trainer.limit_train_batches=1", "trainer.limit_train_batches"],
  ["callbacks.ema.decay=0.5", "callbacks.ema.decay"],
  ["+callbacks.bell={_target_: './src/bell.ts#Bell'}", "callbacks.bell._target_"],
])("%s is another experiment", async (override, key) => {
  const changed = await signatureOf([override]);
  expect(changed[key]).not.toEqual(before[key]);
});

test("a root configuration of another name is the same experiment, where it composes the same", async () => {
  const other = await signatureOf(
    ["trainer=local", "callbacks=local", "data=basketball_jersey_numbers_local"],
    "train_basketball_resnet18",
  );
  expect(other).toEqual(before);
});

test("one batch and all of them are two limits, paths are compared from the working directory on, secrets never kept", async () => {
  const of = async (overrides: readonly string[]) => await signatureOf(overrides);
  const one = await of(["+trainer.limit_train_batches=1"]);
  expect(await of(["+trainer.limit_train_batches=1.0"])).not.toEqual(one);
  const relative = await of(["+model.start=weights/a.pth"]);
  expect(await of([`+model.start=${resolve("weights/a.pth")}`])).toEqual(relative);
  expect(JSON.stringify(await of(["+model.hub_token=abcdef"]))).not.toContain("abcdef");
});
