import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inspectCheckpoint } from "@classifier-training/lightning";
import { listRuns } from "@classifier-training/runs";
import { afterEach, expect, test } from "vitest";
import { classifier, quick, start, workspace } from "./cli.ts";

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
  const args = ["train", ...quick, "trainer.max_epochs=3", "callbacks.onnx_export=null"];
  const calm = await place();
  const disturbed = await place();
  expect((await classifier(args, calm)).code).toBe(0);
  const { process: child, done } = start(args, disturbed);
  await firstCheckpoint(disturbed);
  await sleep(150);
  child.kill("SIGKILL");
  expect((await done).signal).toBe("SIGKILL");
  const resumed = await classifier(args, disturbed);
  expect(resumed.stderr).toContain("Restored all states");
  expect(resumed.code).toBe(0);
  const weights = (dir: string) => inspectCheckpoint(join(dir, "checkpoints", "last.ckpt")).weightsSha256;
  expect(weights(disturbed)).toBe(weights(calm));
});

test("SIGTERM saves, closes and exits with 143; the next run goes on from there", async () => {
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
  const { epoch } = inspectCheckpoint(join(dir, "checkpoints", "last.ckpt")).summary;
  expect(epoch).toBeGreaterThanOrEqual(0);
});
