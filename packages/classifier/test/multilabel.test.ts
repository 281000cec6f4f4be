import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ClassProbability, OnnxClassifier } from "@classifier-training/inference";
import { inspectCheckpoint, loadCheckpoint } from "@classifier-training/lightning";
import { type LabelsMapping, listRuns, readLabelsMapping } from "@classifier-training/runs";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { quick, start } from "./cli.ts";
import { type InProcessResult, inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const colors = { blue: "#2040f0", green: "#20c040", red: "#e02020" };
const names = Object.keys(colors) as (keyof typeof colors)[];
const base = mkdtempSync(join(tmpdir(), "multilabel-"));
const dir = join(base, "a b ü");
const disturbed = join(base, "disturbed");
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** Stripes of the colors of a sample on gray; every combination comes equally often, none too. */
async function writeSplit(folder: string, count: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const rows = Array.from({ length: count }, async (_, i) => {
    const labels = names.filter((_, k) => (i >> k) & 1);
    const at = (k: number) => 3 + 8 * ((k + (i >> 3)) % 3);
    const stripes = labels.map((name, k) => `<rect x="${at(k)}" width="6" height="28" fill="${colors[name]}"/>`);
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="28" height="28"><rect width="28" height="28" fill="#888"/>${stripes.join("")}</svg>`;
    await sharp(Buffer.from(svg))
      .png()
      .toFile(join(folder, `${i}.png`));
    return `${JSON.stringify({ image: `${i}.png`, labels })}\n`;
  });
  writeFileSync(join(folder, "annotations.jsonl"), (await Promise.all(rows)).join(""));
}

const trains = [
  "train",
  ...quick.filter((one) => !one.startsWith("callbacks.early_stopping")),
  "data.image_size=24",
  ["transforms.train_transforms=$", "{transforms.val_transforms}"].join(""),
  "model.stem=small",
  "model.width=8",
  "model.warmup_epochs=0",
  "model.warmup_start_factor=1",
  "model.learning_rate=0.01",
  "trainer.max_epochs=5",
  "callbacks.ema=null",
];

let trained: InProcessResult;
let run: ReturnType<typeof listRuns>[number];

beforeAll(async () => {
  for (const place of [dir, disturbed]) {
    await writeSplit(join(place, "data", "train"), 64);
    await writeSplit(join(place, "data", "valid"), 40);
  }
  trained = await inProcess(trains, dir);
  run = listRuns(join(dir, "outputs"))[0] as typeof run;
});

/** The best checkpoint, whose weights were exported. */
const best = () => join(run.dir, run.record.checkpointPath as string);

test("a training on label lists monitors mAP by the shipped callbacks, and reports by class", () => {
  expect(trained.stderr + trained.stdout).toMatch(
    /train: 64 samples, 3 classes of 32; multilabel: 1\.5 labels per image, 8 without any/,
  );
  expect(trained.code).toBe(0);
  expect(trained.stdout).toMatch(/val mAP +\d+\.\d% \(95% interval/);
  expect(trained.stdout).not.toContain("accuracy");
  expect(run.record).toMatchObject({ status: "success", monitor: { name: "val/mAP", mode: "max" } });
  expect(run.record.best?.value).toBeGreaterThan(0.9);
  expect(best()).toMatch(/epoch=0\d-val_mAP=0\.9\d+\.ckpt$|val_mAP=1\.0000\.ckpt$/);
  const read = (name: string) => readFileSync(join(run.dir, "epoch_004", name), "utf8").split("\n");
  expect(read("confusion_matrix.csv")[0]).toBe("class,tp,fp,fn,tn");
  expect(read("class_report.csv")[0]).toBe("class,precision,recall,f1,support,ap,threshold");
  const counts = read("confusion_matrix.csv")
    .slice(1, 4)
    .map((line) => line.split(",").slice(1).map(Number));
  for (const [tp = 0, fp = 0, fn = 0, tn = 0] of counts) expect([tp + fn, fp + tn]).toEqual([20, 20]);
  for (const image of ["confusion_matrix.png", "sample_predictions.png"])
    expect(existsSync(join(run.dir, "epoch_004", image))).toBe(true);
});

test("thresholds are in the labels mapping and in the checkpoint, and both predict the same label sets", async () => {
  const labels = readLabelsMapping(join(run.dir, "labels_mapping.json"));
  expect(labels).toMatchObject({ task: "multilabel", class_to_idx: { blue: 0, green: 1, red: 2 } });
  const stored = loadCheckpoint(best())["classifier"] as { labels: LabelsMapping };
  expect(stored.labels.thresholds).toHaveLength(3);
  for (const [k, threshold] of (labels.thresholds ?? []).entries())
    expect(threshold).toBeCloseTo(stored.labels.thresholds?.[k] as number, 4);
  const images = Array.from({ length: 16 }, (_, i) => join("data", "valid", `${i}.png`));
  const sets = async (model: string) => {
    const { code, text } = await inProcess(["predict", model, ...images, "--json"], dir);
    expect(code).toBe(0);
    const lines = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { predictions: ClassProbability[] });
    return lines.map(({ predictions }) => predictions.map(({ label }) => label).sort());
  };
  const fromRun = await sets(run.dir);
  expect(await sets(best())).toEqual(fromRun);
  const right = fromRun.filter((found, i) => found.join() === names.filter((_, k) => (i >> k) & 1).join());
  expect(right.length).toBeGreaterThanOrEqual(12);
  const none = fromRun.findIndex((found) => found.length === 0);
  expect((await inProcess(["predict", run.dir, images[none] as string], dir)).text).toMatch(/\.png +none\n$/);
});

test("a bundle measures mAP, verifies, and gives typed labels to a service", async () => {
  const exported = await inProcess(["export", run.dir, "--data", "data", "--out", "bundle"], dir);
  expect(exported.text).toMatch(/valid mAP [\d.]+% \(95% interval/);
  expect((await inProcess(["bundle", "verify", "bundle"], dir)).code).toBe(0);
  const model = await OnnxClassifier.load(join(dir, "bundle"));
  const [all, nothing] = await model.predict([join(dir, "data/valid/7.png"), join(dir, "data/valid/0.png")]);
  const [first] = await model.predict([join(dir, "data/valid/7.png")], { topK: 1 });
  await model.close();
  expect(model.task).toBe("multilabel");
  for (const { probability, threshold } of all ?? []) expect(probability).toBeGreaterThan(threshold as number);
  expect(all?.length).toBeGreaterThan(nothing?.length ?? 0);
  expect(first).toEqual(all?.slice(0, 1));
});

test("evaluate and validate measure what training measured", async () => {
  const evaluated = await inProcess(["evaluate", run.dir, best(), "--data", "data", "--json", "e.json"], dir);
  expect(evaluated.text.match(/^- mAP [\d.]+% \(95% interval /gm)).toHaveLength(2);
  expect(evaluated.text).toContain("exact sign test");
  const { evaluations } = JSON.parse(readFileSync(join(dir, "e.json"), "utf8"));
  expect(evaluations[0].multilabel.mAP.value).toBeCloseTo(run.record.best?.value as number, 4);
  expect(evaluations[0].multilabel.mAP.low).toBeLessThanOrEqual(evaluations[0].multilabel.mAP.value);
  const validated = await inProcess(["validate", run.dir, "--ckpt", best()], dir);
  const measured = Number(/val\/mAP +([\d.]+)\n/.exec(validated.text)?.[1]);
  expect(measured).toBeCloseTo(run.record.best?.value as number, 4);
  const stored = await inProcess(["evaluate", run.dir, join(run.dir, "epoch_000")], dir);
  expect(stored.text).toMatch(/F1 micro [\d.]+%, exact match .*\n[\s\S]*with fewer wrong labels/);
});

test("a complete run repeats its summary, and the folds of a sweep are pooled to one mAP with an interval", async () => {
  const again = await inProcess(trains, dir);
  expect(again.code, again.stderr).toBe(0);
  expect(again.stdout).toBe(trained.stdout.slice(trained.stdout.indexOf("\nval mAP")));
  const folds = ["-m", "data.folds=2", "data.fold=0,1", "trainer.max_epochs=1", "callbacks.onnx_export=null"];
  const swept = await inProcess([...trains.slice(0, -2), ...folds, "hydra.sweep.dir='sweep ü'"], dir);
  expect(swept.text).toMatch(/\n {2}classifier evaluate --folds "sweep ü"\n/);
  const pool = () => inProcess(["evaluate", "--folds", "sweep ü", "--json", "pooled.json"], dir);
  const pooled = await pool();
  expect(pooled.code, pooled.text).toBe(0);
  expect(pooled.text).toMatch(
    /^mAP +\d+\.\d% \(95% interval .*\nF1 macro .* interval .*\nF1 micro .* interval .*\nexact match /m,
  );
  for (const line of pooled.text.split("\n")) expect([...line].length, line).toBeLessThanOrEqual(80);
  const { labels } = JSON.parse(readFileSync(join(dir, "pooled.json"), "utf8"));
  const report = readFileSync(join(dir, "sweep ü", "class_report.csv"), "utf8")
    .trim()
    .split("\n");
  expect(report[0]).toBe("class,precision,recall,f1,support,ap");
  const aps = report.slice(1).map((line) => Number(line.split(",").at(-1)));
  expect(aps.reduce((a, b) => a + b) / 3).toBeCloseTo(labels.mAP.value, 3);
  expect(labels.mAP.low).toBeLessThan(labels.mAP.high);
  rmSync(join(dir, "sweep ü", "1", "label_logits.safetensors"));
  expect((await pool()).text).toMatch(
    /^mAP +not known: a run has stored no logits \(callbacks\.best_weights\)\nF1 macro/m,
  );
});

test("a run that is killed ends with the weights and thresholds of an undisturbed one", async () => {
  const { process: child, done } = start(trains, disturbed);
  for (let i = 0; i < 1200 && !existsSync(join(disturbed, "checkpoints", "last.ckpt")); i++) await sleep(25);
  child.kill("SIGKILL");
  expect((await done).signal).toBe("SIGKILL");
  const resumed = await inProcess(trains, disturbed);
  expect(resumed.code).toBe(0);
  const last = (place: string) => join(place, "checkpoints", "last.ckpt");
  expect(inspectCheckpoint(last(disturbed)).weightsSha256).toBe(inspectCheckpoint(last(dir)).weightsSha256);
  const labels = (place: string) => (loadCheckpoint(last(place))["classifier"] as { labels: LabelsMapping }).labels;
  expect(labels(disturbed).thresholds).toEqual(labels(dir).thresholds);
});

test.each([
  [["data.task=multiclass"], /expected one label per image \(data\.task=multiclass\), received /],
  [["model.logit_adjustment=1"], /expected one label per image, received multilabel data/],
  [["+model.task=multiclass"], /model\.task is multiclass, but the data is multilabel/],
])("%j is refused in a sentence", async (overrides, sentence) => {
  const { code, text } = await inProcess([...trains, "resume=false", ...overrides], dir);
  expect(text).toMatch(sentence);
  expect(text).not.toContain("    at ");
  expect(code).toBe(1);
});
