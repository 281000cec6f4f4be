import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { classifier, quick, workspace } from "./cli.ts";

vi.setConfig({ testTimeout: 30_000 });

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

/** A callback of the project's own that leaves no byte free in `outputs/` once training begins. */
const fills = `
import { openSync, writeSync } from "node:fs";
import { Callback } from ${JSON.stringify(new URL("../../lightning/dist/index.js", import.meta.url).href)};
export class Fills extends Callback {
  onTrainStart() {
    const file = openSync("outputs/filler", "w");
    try {
      for (;;) writeSync(file, Buffer.alloc(512));
    } catch {}
  }
}`;

test("when the disk of outputs/ is full, training continues, its end says what to do, and is made up for later", async (context) => {
  const { dir, remove } = await workspace(["1", "7"], { train: 4, valid: 2 });
  cleanups.push(remove);
  writeFileSync(join(dir, "fills.mjs"), fills);
  const outputs = join(dir, "outputs");
  mkdirSync(outputs);
  const mount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1000k", "tmpfs", outputs], { stdio: "ignore" });
  if (mount.status !== 0) context.skip("mounting a file system takes root");
  cleanups.push(() => void spawnSync("umount", ["-l", outputs]));
  const own = ["model.stem=small", "trainer.max_epochs=2", "callbacks.replay.every_n_steps=1"];
  const args = ["train", ...quick, ...own, "+callbacks.fills._target_='./fills.mjs#Fills'"];

  const full = await classifier([...args, "data.batch_size=4"], dir);
  expect(full.code).toBe(1);
  expect(full.stderr).toContain("measuring the ema and raw weights of the best checkpoint");
  const warned = full.stderr.matchAll(/WARNING: (\w+)\.\w+ failed, training continues without its report: .*ENOSPC/g);
  expect([...warned].map(([, name]) => name).sort()).toEqual([
    "ClassificationReportCallback",
    "ConfusionMatrixCallback",
    "GradCAMCallback",
    "SampleVisualizationCallback",
    "TrainingHistoryCallback",
  ]);
  expect(full.stderr).toMatch(/WARNING: CSVLogger\.logMetrics failed, training continues without it: .*ENOSPC/);
  expect(full.stderr).toMatch(/WARNING: .*replay\.jsonl ends at step 0: ENOSPC/);
  expect(full.stderr).toMatch(/WARNING: the record of the run is out of date: .*ENOSPC/);
  expect(full.stderr).toMatch(/best_weights\.\w+ cannot be written: ENOSPC.*\n {2}fix: free space on its disk/);
  expect(full.stderr).not.toContain("    at ");

  rmSync(join(outputs, "filler"));
  const later = await classifier([...args, "data.batch_size=4", "hydra.run.dir=later"], dir);
  expect(later.code, later.stderr).toBe(0);
  expect(existsSync(join(dir, "later/model.onnx"))).toBe(true);
  expect(JSON.parse(readFileSync(join(dir, "later/run.json"), "utf8"))).toMatchObject({
    status: "success",
    continues: { epoch: 1 },
  });
});
