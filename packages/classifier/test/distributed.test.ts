import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { distributed } from "@classifier-training/torch";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { checkpointsIn } from "../src/training/checkpoints.ts";
import { classifier, quick, workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let dir = "";
let remove = () => {};

beforeAll(async () => {
  // 3 x 5 images to validate on, in batches of 4: the processes have different numbers of them.
  ({ dir, remove } = await workspace(["1", "7", "23"], { train: 16, valid: 5 }));
});

afterAll(() => remove());

function runs(): string[] {
  return readdirSync(join(dir, "outputs")).flatMap((day) =>
    readdirSync(join(dir, "outputs", day)).map((time) => join(dir, "outputs", day, time)),
  );
}

/** A callback of the project's own that breaks rank 1's weights before its third step. */
const diverges = `
import { Callback } from ${JSON.stringify(new URL("../../lightning/dist/index.js", import.meta.url).href)};
import { noGrad } from ${JSON.stringify(new URL("../../torch/dist/index.js", import.meta.url).href)};
export class Diverges extends Callback {
  onTrainBatchStart(trainer, module, _batch, batchIdx) {
    if (trainer.globalRank === 1 && batchIdx === 2) noGrad(() => [...module.parameters()].at(-1).fill_(Number.NaN));
  }
}`;

const two = ["trainer.devices=2", "trainer.accelerator=cpu", "trainer.strategy=ddp", "data.batch_size=4"];

describe("a training by two processes", () => {
  beforeEach(({ skip }) => skip(!distributed.isAvailable(), "this LibTorch has no c10d"));

  test("leaves what one leaves: one run directory, one metrics file, one set of checkpoints", async () => {
    const { code, stdout, stderr } = await classifier(["train", ...quick, ...two, "trainer.max_epochs=2"], dir);
    expect(code, stderr).toBe(0);
    expect(stdout.match(/outputs\//g)?.length ?? 0).toBeLessThan(8);
    expect(stdout).toContain(" of 15; 95% interval");
    expect(runs().length).toBe(1);
    const [run = ""] = runs();
    for (const file of [
      ".hydra/config.yaml",
      "metrics.csv",
      "model.onnx",
      "labels_mapping.json",
      "run.json",
      "epoch_001/confusion_matrix.png",
      "epoch_001/sample_predictions.png",
      "training_history/loss_history.png",
    ]) {
      expect(existsSync(join(run, file)), file).toBe(true);
    }
    // Every image once.
    const rows = readFileSync(join(run, "epoch_001/predictions.csv"), "utf8").trim().split("\n").slice(1);
    const samples = rows.map((row) => row.split(",")[0]);
    expect(samples.length).toBe(15);
    expect(new Set(samples).size).toBe(15);
    const weights = JSON.parse(readFileSync(join(run, "best_weights.json"), "utf8"));
    expect(weights.candidates.map(({ n }: { n: number }) => n)).toEqual(weights.candidates.map(() => 15));
    const record = JSON.parse(readFileSync(join(run, "run.json"), "utf8"));
    expect(record.status).toBe("success");
    const csv = readFileSync(join(run, "metrics.csv"), "utf8").trim().split("\n");
    expect(new Set(csv).size).toBe(csv.length);
    // 48 images, 2 processes, batches of 4: 6 steps an epoch.
    const steps = csv.slice(1).map((row) => Number(row.split(",")[csv[0]?.split(",").indexOf("step") ?? 0]));
    expect(Math.max(...steps)).toBeLessThanOrEqual(12);
    expect(readdirSync(join(dir, "checkpoints")).filter((name) => name === "last.ckpt")).toEqual(["last.ckpt"]);
  });

  test("continues with one process, and measures as one process does", async () => {
    const alone = await inProcess(["train", ...quick, "data.batch_size=4", "trainer.max_epochs=3"], dir);
    expect(alone.code, alone.stderr).toBe(0);
    expect(alone.stdout + alone.stderr).not.toMatch(/Epoch 1\/3/);
    const of = async (devices: readonly string[]) => {
      const { stderr, stdout, code } = await classifier(["validate", ...quick, ...devices, "data.batch_size=4"], dir);
      expect(code, stderr).toBe(0);
      return [...`${stdout}${stderr}`.matchAll(/^\s+(val\/\S+)\s+(\S+)$/gm)].map(([, name, value]) => [name, value]);
    };
    const measured = await of(two);
    expect(measured.length).toBeGreaterThan(3);
    expect(measured).toEqual(await of([]));
  });

  test("ends with one error when the weights of one rank alone diverge, and leaves no model", async () => {
    writeFileSync(join(dir, "diverges.mjs"), diverges);
    const own = ["hydra.run.dir=diverged", "seed=3", "+callbacks.diverges._target_='./diverges.mjs#Diverges'"];
    const { code, stderr } = await classifier(["train", ...quick, ...two, "trainer.max_epochs=50", ...own], dir);
    expect(code).toBe(1);
    expect(stderr.match(/training has diverged: the loss is NaN at step 2$/gm)).toHaveLength(1);
    expect(stderr).not.toMatch(/^\s+at |Connection|Gloo/m);
    const record = JSON.parse(readFileSync(join(dir, "diverged/run.json"), "utf8"));
    expect(record.status).toBe("failed");
    expect(existsSync(join(dir, "diverged/model.onnx"))).toBe(false);
  });

  test("each job of a sweep has the ranks and the configuration that it asks for", async () => {
    const args = ["train", "-m", ...quick, ...two, "trainer.max_epochs=1", "callbacks.onnx_export=null"];
    const { code, stderr } = await classifier([...args, "trainer.devices=2,1", "hydra.sweep.dir=sweep"], dir);
    expect(code, stderr).toBe(0);
    // 48 images in batches of 4, by two processes and by one.
    for (const [job, steps] of [6, 12].entries()) {
      const [best] = checkpointsIn(join(dir, "sweep", String(job), "checkpoints"));
      expect(best?.summary.globalStep).toBe(steps);
    }
  });
});
