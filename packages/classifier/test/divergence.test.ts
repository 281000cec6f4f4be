import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CheckpointIO, inspectCheckpoint, loadCheckpoint } from "@classifier-training/lightning";
import { checkOnnx, exportOnnx } from "@classifier-training/onnx";
import { nn, noGrad, randn, tensor } from "@classifier-training/torch";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { predictionsOf } from "../src/statistics/predictions.ts";
import { quick, workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 30_000 });

let dir = "";
let remove = () => {};
beforeAll(async () => {
  ({ dir, remove } = await workspace(["1", "7"], { train: 8, valid: 4 }));
});
afterAll(() => remove());

/** A narrow network: a step takes milliseconds. */
const tiny = [...quick, "model.stem=small", "trainer.max_epochs=2", "data.batch_size=4"];
const run = (name: string, ...overrides: string[]) =>
  inProcess(
    ["train", ...tiny, `hydra.run.dir=${name}`, `callbacks.model_checkpoint.dirpath=${name}/ckpt`, ...overrides],
    dir,
  );
const files = (folder: string) =>
  existsSync(join(dir, folder)) ? readdirSync(join(dir, folder), { recursive: true, encoding: "utf8" }) : [];

test("a training that diverges fails, says where and what to try, and leaves no model behind", async () => {
  const { code, text } = await run("high", "model.learning_rate=1e20", "trainer.gradient_clip_val=null");
  expect(code).toBe(1);
  expect(text).toMatch(
    /training has diverged: the loss is (NaN|-?Infinity) at step \d+\n {2}where: epoch 1, batch \d, learning rate 1e\+\d+, precision 32-true\n {2}fix: lower the learning rate .*gradient_clip_val: 1/,
  );
  expect(JSON.parse(readFileSync(join(dir, "high/run.json"), "utf8")).status).toBe("failed");
  expect(files("high").filter((name) => /\.(ckpt|onnx)$|best_weights|bundle/.test(name))).toEqual([]);
});

test("a validation that is not finite has no accuracy, no report and no best, and the run fails", async () => {
  const { code, text } = await run("broken-val", "transforms.val_transforms.transforms.3.std=[1e-44,1e-44,1e-44]");
  expect(text).toContain("the logits of 8 of 8 val samples are not finite: this epoch has no accuracy");
  expect(code).toBe(1);
  expect(text).not.toMatch(/NaN%|best checkpoint {2}|differ from LibTorch's by at most/);
  expect(files("broken-val").filter((name) => /onnx$|confusion_matrix|predictions/.test(name))).toEqual([]);
});

test("a model of weights that are not finite is refused by every command, in one sentence", async () => {
  expect((await run("good", "trainer.max_epochs=1", "callbacks.best_weights=null")).code).toBe(0);
  const last = join(dir, "good/ckpt/last.ckpt");
  const checkpoint = loadCheckpoint(last);
  noGrad(() => checkpoint.stateDict.get("model.conv1.weight")?.fill_(Number.NaN));
  const io = new CheckpointIO({ asynchronous: false });
  mkdirSync(join(dir, "nan"));
  await io.save({
    path: join(dir, "nan/nan.ckpt"),
    checkpoint,
    summary: inspectCheckpoint(last).summary,
    replaces: [],
    onDone: undefined,
  });
  await io.close();
  for (const args of [
    ["predict", "nan/nan.ckpt", "data/valid/7"],
    ["evaluate", "nan/nan.ckpt", "--data", "data"],
    ["export", "nan/nan.ckpt", "--data", "data", "--out", "bundle"],
    ["validate", "--ckpt", "nan/nan.ckpt", ...tiny],
  ]) {
    const { code, text } = await inProcess(args, dir);
    expect(text, args[0]).toMatch(/the weights are not finite \('model\.conv1\.weight'[\s\S]*nan\.ckpt/);
    expect(text).not.toContain("    at ");
    expect(code).toBe(1);
  }
  expect(existsSync(join(dir, "bundle", "bundle.json"))).toBe(false);
});

test("an exported model whose outputs are not finite predicts nothing", async () => {
  const linear = new nn.Linear(3 * 32 * 32, 2);
  noGrad(() => linear.weight.fill_(Number.NaN));
  const network = new nn.Sequential(new nn.Flatten(), linear);
  const input = randn([2, 3, 32, 32]);
  const path = join(dir, "good", "model.onnx");
  rmSync(path);
  exportOnnx(network, input, { path, inputNames: ["input"], outputNames: ["logits"] });
  await expect(checkOnnx(path, input, network)).rejects.toThrow(
    "output 'logits' is NaN in element 0, and nothing equals NaN",
  );
  expect((await checkOnnx(path, input, network, { equalNan: true })).maxAbsDiff).toBe(0);
  for (const args of [
    ["predict", "good", "data/valid/7"],
    ["evaluate", "good", "--data", "data"],
    ["export", "good", "--data", "data", "--out", "bundle"],
  ]) {
    const { code, text } = await inProcess(args, dir);
    expect(text, args[0]).toContain("the model's outputs are not finite (NaN, NaN): there is no prediction");
    expect(code).toBe(1);
  }
});

test("logits are looked at sample by sample: minus infinity alone is a class that cannot be", () => {
  const [nan, infinite] = [Number.NaN, Number.POSITIVE_INFINITY];
  const logits = tensor([
    [1, 2],
    [nan, 2],
    [1, nan],
    [infinite, 1],
    [-infinite, 1],
  ]);
  expect(predictionsOf(logits, tensor([0, 0, 0, 0, 0], { dtype: "int64" }), [0, 1, 2, 3, 4]).nonFinite).toBe(3);
});
