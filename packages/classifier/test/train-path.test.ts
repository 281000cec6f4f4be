import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inspectCheckpoint } from "@classifier-training/lightning";
import { readDecisions } from "@classifier-training/runs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { start, workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 180_000 });

const photos = "a b ü";
const places: { dir: string; remove: () => void }[] = [];

/** Working directories with a few images of 40 px, in a folder with a space and an umlaut. */
beforeAll(async () => {
  for (let i = 0; i < 2; i++) {
    const place = await workspace(["1", "7"], { train: 12, valid: 4 });
    renameSync(join(place.dir, "data"), join(place.dir, photos));
    places.push(place);
  }
  // Both the product's own root and a user's.
  writeFileSync(
    join(dirOf(0), "own.yaml"),
    "defaults: [train_demo, _self_]\nresume: auto\nmodel: {width: 8}\ntrainer: {max_epochs: 1}\n",
  );
});

afterAll(() => {
  for (const { remove } of places) remove();
});

function dirOf(i: number): string {
  return places[i]?.dir ?? "";
}

const folder = (dir: string) => join(dir, "checkpoints", photos);
const weights = (dir: string) => inspectCheckpoint(join(folder(dir), "last.ckpt")).weightsSha256;
const light = ["model.width=8", "trainer.max_epochs=4", "data.num_workers=0", "callbacks.onnx_export=null"];
const overridesOf = (dir: string) =>
  readdirSync(join(dir, "outputs"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith("overrides.yaml"))
    .sort()
    .map((path) =>
      readFileSync(join(dir, "outputs", path), "utf8")
        .trim()
        .split("\n"),
    );

test("train PATH prints what it decides; killed, the same command resumes with the same decisions and the same bits", async () => {
  const args = ["train", photos, ...light];
  const [calm, disturbed] = [dirOf(0), dirOf(1)];
  const whole = await inProcess(args, calm);
  expect(whole.stderr).not.toMatch(/\n\s+at .*:\d+:\d+/);
  expect(whole.code).toBe(0);
  const table = whole.stderr.split("\n").filter((line) => /^ {2}\S+=\S+ +\(.*\)$/.test(line));
  expect(table.map((line) => line.trim().split(/[ =]/)[0])).toEqual(
    expect.arrayContaining(["data.image_size", "data.batch_size", "trainer.precision", "model.learning_rate"]),
  );
  expect(whole.stderr).toContain("training with the recipe from scratch");
  for (const line of whole.stderr.split("\n").slice(0, table.length + 4))
    expect(line.length, line).toBeLessThanOrEqual(80);
  for (const given of light) expect(table.join("\n")).not.toContain(given.split("=")[0]);

  const { process: child, done } = start(args, disturbed);
  for (let i = 0; i < 1200 && !existsSync(join(folder(disturbed), "last.ckpt")); i++) await sleep(50);
  child.kill("SIGKILL");
  expect((await done).signal).toBe("SIGKILL");
  // Run directories are named by the second: the resumed run has one of its own.
  await sleep(1000);
  const resumed = await inProcess(args, disturbed);
  expect(resumed.stderr).toContain("As this command decided before (resume=false decides anew):");
  expect(resumed.stderr).toContain("resumes run");
  for (const line of table) expect(resumed.stderr).toContain(line);
  expect(resumed.code).toBe(0);
  expect(weights(disturbed)).toBe(weights(calm));
  const [first, second] = overridesOf(disturbed);
  expect(second).toEqual(first);
  expect(first).toContain(`- data.data_root='${photos}'`);
});

test("another override is another experiment, which decides for itself", async () => {
  const dir = dirOf(0);
  const before = readDecisions(folder(dir)).length;
  const other = await inProcess(["train", photos, ...light, "data.image_size=24", "trainer.max_epochs=1"], dir);
  expect(other.stderr).not.toMatch(/error:|fix:/);
  expect(other.code).toBe(0);
  expect(other.stderr).toContain("holds another experiment");
  expect(other.stderr).not.toContain("As this command decided before");
  expect(readDecisions(folder(dir))).toHaveLength(before + 1);
});

test("a custom root configuration decides, and --cfg job, --info explain show", async () => {
  const dir = dirOf(0);
  const own = await inProcess(["train", "--config-dir", ".", "--config-name", "own", photos, "--cfg", "job"], dir);
  expect(own.stdout).toMatch(/data_root: "?a b ü/);
  expect(own.stdout).toContain("batch_size: 64");
  const shown = await inProcess(["train", photos, "--cfg", "job"], dir);
  expect(shown.stdout).toMatch(/batch_size: 16\n/);
  const why = await inProcess(["train", photos, "--info", "explain", "data.batch_size"], dir);
  expect(why.stdout).toContain("data.batch_size = 16");
  expect(why.stdout).toContain("instead of what is set in");
  expect([own.code, shown.code, why.code]).toEqual([0, 0, 0]);
});

test.each([
  [["time=5x"], "expected a time of 30 seconds or more, received '5x'"],
  [["time=1s"], "expected a time of 30 seconds or more, received '1s'"],
  [["modle=resnet18"], "modle"],
])("%j is refused", async (args, sentence) => {
  const { code, stderr } = await inProcess(["train", photos, ...args], dirOf(0));
  expect(stderr).toContain(sentence);
  expect(stderr).not.toMatch(/\n\s+at .*:\d+:\d+/);
  expect(code).toBe(1);
});

test("without a path and without data, the way with a path is named", async () => {
  const { code, stderr } = await inProcess(["train", "data.data_root=nowhere", "logging=none"], dirOf(0));
  expect(stderr).toContain("A path is all that photos need: classifier train PATH");
  expect(code).toBe(1);
});
