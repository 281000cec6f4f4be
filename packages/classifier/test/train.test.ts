import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { classifier, quick, workspace } from "./cli.ts";

let dir = "";
let remove = () => {};
/** The run that the first test trained. */
let trained = "";

beforeAll(async () => {
  ({ dir, remove } = await workspace());
});

afterAll(() => remove());

/** The newest run directory. */
function lastRun(): string {
  const day = join(dir, "outputs", readdirSync(join(dir, "outputs")).sort().at(-1) ?? "");
  return join(day, readdirSync(day).sort().at(-1) ?? "");
}

test("a training leaves every artifact of a run, resumes where it stopped, and its model can be used", async () => {
  const first = await classifier(["train", ...quick, "trainer.max_epochs=2"], dir);
  expect(first.stderr).toContain("starting from scratch");
  expect(first.code).toBe(0);
  const run = lastRun();
  for (const file of [
    ".hydra/config.yaml",
    ".hydra/hydra.yaml",
    ".hydra/overrides.yaml",
    "metrics.csv",
    "model.onnx",
    "labels_mapping.json",
    "run.json",
    "best_weights.json",
    "train.log",
    "epoch_000/confusion_matrix.png",
    "epoch_001/confusion_matrix.csv",
    "epoch_001/sample_predictions.png",
    "epoch_001/grad_cam.png",
    "epoch_001/class_report.csv",
    "epoch_001/predictions.csv",
    "training_history/loss_history.png",
    "training_history/accuracy_history.png",
  ]) {
    expect(existsSync(join(run, file)), file).toBe(true);
  }
  const mapping = JSON.parse(readFileSync(join(run, "labels_mapping.json"), "utf8"));
  expect(mapping).toMatchObject({
    num_classes: 3,
    class_to_idx: { "1": 0, "23": 1, "7": 2 },
    idx_to_class: { "0": "1" },
  });
  const weights = JSON.parse(readFileSync(join(run, "best_weights.json"), "utf8"));
  const record = JSON.parse(readFileSync(join(run, "run.json"), "utf8"));
  expect(record.bestWeights).toBe(weights.best);
  // Validation has measured the average, in float32 too: the second look agrees.
  const average = weights.candidates.find(({ name }: { name: string }) => name === "ema");
  expect(average.top1).toBeCloseTo(record.best.value, 6);
  expect((await sharp(join(run, "epoch_001/sample_predictions.png")).metadata()).width).toBeGreaterThan(500);
  const header = readFileSync(join(run, "metrics.csv"), "utf8").split("\n")[0];
  for (const name of [
    "epoch",
    "step",
    "train/loss_step",
    "train/loss_epoch",
    "train/acc_top1",
    "val/loss",
    "val/acc_top1",
    "val/acc_top5",
    "val/acc_class_2",
  ]) {
    expect(header?.split(",")).toContain(name);
  }
  expect(readdirSync(join(dir, "checkpoints"))).toContain("last.ckpt");

  const second = await classifier(["train", ...quick, "trainer.max_epochs=3"], dir);
  expect(second.code).toBe(0);
  const shown = second.stdout + second.stderr;
  expect(shown).toMatch(/Epoch 3\/3/);
  expect(shown).not.toMatch(/Epoch 1\/3/);
  trained = lastRun();

  const predicted = await classifier(["predict", trained, "data/valid/7", "--json"], dir);
  expect(predicted.code).toBe(0);
  const [line] = predicted.stdout
    .trim()
    .split("\n")
    .map((text) => JSON.parse(text));
  expect(line.predictions).toHaveLength(3);
  const sum = line.predictions.reduce(
    (total: number, { probability }: { probability: number }) => total + probability,
    0,
  );
  expect(sum).toBeCloseTo(1, 5);

  const fromCheckpoint = await classifier(["predict", "checkpoints/last.ckpt", "data/valid/7", "--json"], dir);
  expect(fromCheckpoint.code).toBe(0);

  const measured = await classifier(["validate", trained, "data.num_workers=0"], dir);
  expect(measured.code).toBe(0);
  expect(measured.stderr + measured.stdout).toContain("val/acc_top1");
});

test("a bundle proves itself, and tells when it was changed", async () => {
  const made = await classifier(
    ["export", trained, "--data", "data", "--out", "bundle", "--golden", "3", "--zip"],
    dir,
  );
  expect(made.stderr).not.toContain("Error");
  expect(made.code).toBe(0);
  expect(existsSync(join(dir, "bundle.zip"))).toBe(true);
  const good = await classifier(["bundle", "verify", "bundle"], dir);
  expect(good.stdout).toContain("3 golden pictures reproduced");
  expect(good.code).toBe(0);
  const { writeFileSync } = await import("node:fs");
  writeFileSync(join(dir, "bundle", "labels_mapping.json"), "{}");
  const bad = await classifier(["bundle", "verify", "bundle"], dir);
  expect(bad.stdout).toContain("labels_mapping.json: was changed after the bundle was made");
  expect(bad.code).toBe(2);
});
