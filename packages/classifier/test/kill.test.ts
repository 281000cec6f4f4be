import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inspectCheckpoint, loadCheckpoint } from "@classifier-training/lightning";
import { listRuns } from "@classifier-training/runs";
import { afterEach, expect, test, vi } from "vitest";
import { classifier, quick, start, workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 300_000 });

const cleanups: (() => void)[] = [];

afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function place(): Promise<string> {
  const { dir, remove } = await workspace(["1", "7", "23"], { train: 32, valid: 4 });
  cleanups.push(remove);
  return dir;
}

/** Resolves when the run in a folder has left its first checkpoint. */
async function firstCheckpoint(dir: string): Promise<void> {
  for (let i = 0; i < 2400 && !existsSync(join(dir, "checkpoints", "last.ckpt")); i++) await sleep(100);
}

test("a run that is killed in mid-epoch ends with the weights of an undisturbed one", async () => {
  const photos = ["transforms=photos", "transforms.mix=0.5", "+data.repeated_augmentation=2"];
  const schedule = ["optimizer=sgd", "scheduler=one_cycle", "model.learning_rate=0.01", "model.layer_decay=0.8"];
  const rest = ["model.unfreeze=1", "model.logit_adjustment=1", "trainer.max_epochs=3", "callbacks.onnx_export=null"];
  const args = ["train", ...quick, ...photos, ...schedule, ...rest];
  const calm = await place();
  const disturbed = await place();
  expect((await inProcess(args, calm)).code).toBe(0);
  const { process: child, done } = start(args, disturbed);
  await firstCheckpoint(disturbed);
  await sleep(150);
  child.kill("SIGKILL");
  expect((await done).signal).toBe("SIGKILL");
  const resumed = await inProcess(args, disturbed);
  expect(resumed.stderr).toContain("Restored all states");
  expect(resumed.code).toBe(0);
  const weights = (dir: string) => inspectCheckpoint(join(dir, "checkpoints", "last.ckpt")).weightsSha256;
  expect(weights(disturbed)).toBe(weights(calm));
});

/** A callback of the project's own that ends its process in the middle of the second epoch's validation, when it is asked to. */
const stopInValidation = `
import { Callback } from ${JSON.stringify(new URL("../../lightning/dist/index.js", import.meta.url).href)};
export class Stop extends Callback {
  onValidationBatchEnd(trainer, _module, _outputs, _batch, batchIdx) {
    if (process.env.STOP_IN_VALIDATION === "1" && !trainer.sanityChecking && trainer.currentEpoch === 1 && batchIdx === 1)
      process.kill(process.pid, "SIGTERM");
  }
}`;

test("a run that is ended in the middle of a validation counts every sample once when it is resumed", async () => {
  const args = [
    "train",
    ...quick,
    "trainer.max_epochs=3",
    "trainer.limit_train_batches=2",
    "callbacks.onnx_export=null",
  ];
  const outcome = (dir: string) => {
    const runs = readdirSync(join(dir, "outputs"), { recursive: true, encoding: "utf8" });
    const metrics = runs.filter((name) => name.endsWith("metrics.csv")).sort();
    const last = loadCheckpoint(join(dir, "checkpoints", "last.ckpt"));
    const best = Object.entries(last.callbacks ?? {}).find(([key]) => key.startsWith("ModelCheckpoint"))?.[1]["best"];
    return {
      files: readdirSync(join(dir, "checkpoints"))
        .filter((name) => name.endsWith(".ckpt"))
        .sort(),
      metrics: readFileSync(join(dir, "outputs", metrics.at(-1) ?? ""), "utf8"),
      scores: [...(best as { scores: Map<string, number> }).scores].map(([path, score]) => [basename(path), score]),
      reports: runs
        .filter((name) => name.endsWith("predictions.csv"))
        .map((name) => readFileSync(join(dir, "outputs", name), "utf8").split("\n").length),
    };
  };
  const [calm, disturbed] = [await place(), await place()];
  for (const dir of [calm, disturbed]) writeFileSync(join(dir, "stop.mjs"), stopInValidation);
  const all = [...args, "data.batch_size=4", "+callbacks.stop._target_='./stop.mjs#Stop'"];
  expect((await classifier(all, calm)).code).toBe(0);
  process.env["STOP_IN_VALIDATION"] = "1";
  const stopped = await classifier(all, disturbed);
  delete process.env["STOP_IN_VALIDATION"];
  expect(stopped.code).toBe(143);
  expect((await classifier(all, disturbed)).code).toBe(0);
  const [expected, found] = [outcome(calm), outcome(disturbed)];
  expect(new Set(found.reports)).toEqual(new Set(expected.reports));
  expect({ ...found, reports: [] }).toEqual({ ...expected, reports: [] });
});

test("SIGTERM saves, closes and exits with 143; the next run continues from there", async () => {
  const dir = await place();
  const args = ["train", ...quick, "trainer.max_epochs=50", "callbacks.onnx_export=null"];
  const { process: child, done } = start(args, dir);
  await firstCheckpoint(dir);
  child.kill("SIGTERM");
  const { code } = await done;
  expect(code).toBe(143);
  expect(existsSync(join(dir, "checkpoints", "last.ckpt"))).toBe(true);
  const [run] = listRuns(join(dir, "outputs"));
  expect(run).toMatchObject({ status: "interrupted", record: { error: "interrupted by SIGTERM" } });
  const { epoch, globalStep } = inspectCheckpoint(join(dir, "checkpoints", "last.ckpt")).summary;
  expect(globalStep).toBeGreaterThan(0);
  // The epoch of the checkpoint may be complete: there is one more to train.
  const next = await inProcess([...args, `trainer.max_epochs=${epoch + 2}`], dir);
  expect(next.code, next.stderr).toBe(0);
  expect(next.stderr).toContain(`from checkpoints (epoch ${epoch + 1}, step ${globalStep})`);
});
