import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { startDashboard } from "@classifier-training/dashboard";
import { bestWeightsSchema, runPaths, runRecordSchema } from "@classifier-training/runs";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { classifier, quick, workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 300_000 });

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
  const first = await inProcess(["train", ...quick, "trainer.max_epochs=2"], dir);
  expect(first.code).toBe(0);
  const run = lastRun();
  for (const file of [
    ".hydra/config.yaml",
    ".hydra/hydra.yaml",
    ".hydra/overrides.yaml",
    ".hydra/origins.json",
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
    "epoch_001/reliability.png",
    "epoch_001/risk_coverage.png",
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
    preprocessing: {
      color_order: "RGB",
      geometry: [
        { step: "resize", shorter_side: 37, interpolation: "bilinear", antialias: true },
        { step: "center_crop", height: 32, width: 32 },
      ],
    },
  });
  const weights = bestWeightsSchema.parse(JSON.parse(readFileSync(join(run, runPaths.bestWeights), "utf8")));
  const record = runRecordSchema.parse(JSON.parse(readFileSync(join(run, runPaths.record), "utf8")));
  expect(record.bestWeights).toBe(weights.best);
  expect(record.plan).toMatchObject({ epochs: 2 });
  // Validation has measured the average, in float32 too: the second look agrees.
  const average = weights.candidates.find(({ name }) => name === "ema");
  expect(average?.top1).toBeCloseTo(record.best?.value ?? Number.NaN, 6);
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

  const second = await inProcess(["train", ...quick, "trainer.max_epochs=3"], dir);
  expect(second.code).toBe(0);
  const shown = second.stdout + second.stderr;
  expect(shown).toMatch(/Epoch 3\/3/);
  expect(shown).not.toMatch(/Epoch 1\/3/);
  trained = lastRun();

  const predicted = await inProcess(["predict", trained, "data/valid/7", "--json"], dir);
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

  const fromCheckpoint = await inProcess(["predict", "checkpoints/last.ckpt", "data/valid/7", "--json"], dir);
  expect(fromCheckpoint.code).toBe(0);

  const measured = await inProcess(["validate", trained, "data.num_workers=0"], dir);
  expect(measured.code).toBe(0);
  expect(measured.stderr + measured.stdout).toContain("val/acc_top1");

  const dashboard = await startDashboard({ root: join(dir, "outputs"), port: 0 });
  const answer = async (path: string) => (await fetch(new URL(path, dashboard.url))).json();
  await dashboard.ready;
  const { runs } = (await answer("api/runs")) as { runs: { key: string; kind: string; status: string }[] };
  expect(runs.map(({ kind, status }) => `${kind}: ${status}`)).toContain("validate: success");
  expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(["success"]));
  const key = relative(join(dir, "outputs"), trained);
  expect(await answer(`api/runs/${encodeURIComponent(key)}`)).toMatchObject({ labels: ["1", "23", "7"] });
  await dashboard.close();
});

test("a bundle proves itself without LibTorch, and tells of each file that was changed", async () => {
  const made = await inProcess(["export", trained, "--data", "data", "--out", "bundle", "--golden", "3", "--zip"], dir);
  expect(made.stderr).not.toContain("Error");
  expect(made.code).toBe(0);
  expect(existsSync(join(dir, "bundle.zip"))).toBe(true);
  expect(made.stdout).toMatch(/logits differ from LibTorch's by at most .*e-\d+ \(18 images\)/);
  for (const bundle of ["bundle", "bundle.zip"]) {
    const good = await classifier(["bundle", "verify", bundle], dir, [
      "--import",
      `data:text/javascript,${encodeURIComponent(printTorchLibraries)}`,
    ]);
    expect(good.stdout).toContain("3 golden samples reproduced");
    expect(good.stdout).toContain("torch libraries: []");
    expect(good.code).toBe(0);
  }
  const files = readdirSync(join(dir, "bundle"), { recursive: true, withFileTypes: true }).filter((f) => f.isFile());
  expect(files).toHaveLength(6);
  for (const { parentPath, name } of files) {
    const path = join(parentPath, name);
    const whole = readFileSync(path);
    const changed = Buffer.from(whole);
    // In the manifest a digit of a logit: it stays JSON.
    const at = name === "bundle.json" ? whole.indexOf(".", whole.indexOf("logits")) + 3 : whole.length >> 1;
    changed[at] = name === "bundle.json" && whole[at] === 0x31 ? 0x32 : 0x31;
    writeFileSync(path, changed);
    const bad = await inProcess(["bundle", "verify", "bundle"], dir);
    expect(bad.stdout).toContain(`${name}: was changed after the bundle was created`);
    expect(bad.code).toBe(2);
    writeFileSync(path, whole);
  }
});

test("an archive is a model like any other: it predicts and is evaluated", async () => {
  const predicted = await inProcess(["predict", "bundle.zip", "data/valid/7", "--json"], dir);
  expect(predicted.code).toBe(0);
  expect(predicted.stdout.trim().split("\n")).toHaveLength(6);
  const evaluated = await inProcess(
    ["evaluate", "bundle.zip", trained, "checkpoints/last.ckpt", "--data", "data", "--json", "report.json"],
    dir,
  );
  expect(evaluated.code).toBe(0);
  expect(evaluated.stdout).toMatch(/no significant difference on these images/);
  const report = JSON.parse(readFileSync(join(dir, "report.json"), "utf8"));
  expect(report.images).toHaveLength(18);
  for (const { top1, sizeBytes, latencyMs } of report.evaluations) {
    expect(top1.n).toBe(18);
    expect(sizeBytes).toBeGreaterThan(1e6);
    expect(latencyMs.p95).toBeGreaterThan(0);
  }
});

test("a folder that is not a bundle is not overwritten", async () => {
  const refused = await inProcess(["export", trained, "--data", "data", "--out", "data"], dir);
  expect(refused.stderr).toContain("the folder has files that do not belong to a bundle");
  const onItself = await inProcess(["export", "bundle", "--data", "data", "--out", "bundle"], dir);
  expect(onItself.stderr).toContain("the model is in the output folder");
  expect(existsSync(join(dir, "bundle", "model.onnx"))).toBe(true);
  expect(refused.code).toBe(1);
});

test("--info unused names keys without effect, and trains nothing", async () => {
  const before = readdirSync(dir).sort();
  const asked = await inProcess(["train", ...quick, "+model_name=oops", "--info", "unused"], dir);
  expect(asked.stderr).not.toMatch(/Epoch|Error/);
  expect(asked.stdout).toContain("model_name was never read");
  expect(asked.stdout).not.toMatch(/trainer\.max_epochs was never read|callbacks\.ema/);
  expect(asked.code).toBe(0);
  expect(readdirSync(dir).sort()).toEqual(before);
});

/** Prints which of LibTorch's libraries a process has loaded when it ends. */
const printTorchLibraries = `
process.on("exit", () => {
  const loaded = process.report.getReport().sharedObjects.filter((path) => /libtorch|libc10|ct_torch/.test(path));
  process.stdout.write("torch libraries: " + JSON.stringify(loaded) + "\\n");
});`;
