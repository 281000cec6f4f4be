import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { printable } from "@classifier-training/base";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { classifier, workspace } from "./cli.ts";

vi.setConfig({ testTimeout: 120_000 });

const program = fileURLToPath(new URL("../bin/classifier.js", import.meta.url));
const photos = "a b ü";
const columns = 80;

let dir = "";
let remove = () => {};

/** Class folders without splits: the same image in two classes, a class of three images, and a file that is not an image. */
beforeAll(async () => {
  ({ dir, remove } = await workspace(["1", "7", "23"], { train: 14, valid: 1 }));
  const [listing = ""] = readFileSync(join(dir, "data/train/annotations.jsonl"), "utf8").split("\n");
  const key = Object.keys(JSON.parse(listing)).find((name) => /image|file/.test(name)) as string;
  const rows = readFileSync(join(dir, "data/train/annotations.jsonl"), "utf8").trim().split("\n");
  for (const row of rows.map((text) => JSON.parse(text))) {
    const label = String(row.suffix ?? row.label);
    mkdirSync(join(dir, photos, label), { recursive: true });
    cpSync(join(dir, "data/train", row[key]), join(dir, photos, label, row[key].split("/").at(-1)));
  }
  const images = readdirSync(join(dir, photos, "1"));
  mkdirSync(join(dir, photos, "rare"));
  for (const [i, from] of images.slice(0, 3).entries())
    cpSync(join(dir, photos, "1", from), join(dir, photos, `rare/${i}.jpg`));
  for (const file of ["x.jpg", "y.jpg"]) writeFileSync(join(dir, photos, "7", file), "not an image");
}, 120_000);

afterAll(() => remove());

const overrides = [
  ...["trainer.max_epochs=12", "data.image_size=32", "model.width=8", "model.stem=small"],
  ...["model.pretrained=false", "callbacks.best_weights.test_sizes=[]"],
];

/** What stands in each line of a terminal: control sequences gone, and what a line was overwritten with. */
function screen(text: string): { shown: string; widest: number }[] {
  return text.split("\n").map((line) => {
    const drawn = line.replace(/\r$/, "").split("\r").map(printable);
    return { shown: drawn.at(-1) ?? "", widest: Math.max(...drawn.slice(0, -1).map(({ length }) => length), 0) };
  });
}

const height = (lines: readonly string[]) =>
  lines.reduce((sum, line) => sum + Math.max(1, Math.ceil([...line].length / columns)), 0);

const asked = [
  /^train: \d+ samples, 4 classes of \d+ \(rare\) to \d+ \(\w+\)$/m,
  /^images: \d+ x \d+/m,
  /WARNING: 2 images cannot be read: 7\/x\.jpg/,
  /WARNING: 3 images with contradictory labels: 1\/.* = rare\/.*\.jpg/,
  /WARNING: 1 class has fewer than 5 training images: rare \d/,
  /^all of it: classifier data check "a b ü"$/m,
  /^val accuracy +\d+\.\d% \(\d+ of \d+; 95% interval/m,
  /^exported model +outputs\/.*\/model\.onnx \(/m,
  /^ {2}classifier predict outputs\/\S+ IMAGE\.\.\.$/m,
  /^ {2}classifier export outputs\/\S+ --data "a b ü" --out bundle$/m,
];

test("a first run in a pipe is at most 40 lines of 80 columns, the log file has the rest", async () => {
  const { code, stdout, stderr } = await classifier(["train", photos, ...overrides], dir);
  expect(code, stderr).toBe(0);
  const text = stderr + stdout;
  for (const line of asked) expect(text).toMatch(line);
  expect(height(text.trim().split("\n")), text).toBeLessThanOrEqual(40);
  expect(stdout.match(/^Epoch .*$/gm)?.length).toBe(3);
  const run = /run directory +(\S+)/.exec(stdout)?.[1] as string;
  const log = readFileSync(join(dir, run, "train.log"), "utf8");
  for (const detail of ["Configuration:", "latency, one image", "Total params", "most confident errors"])
    expect(log).toContain(detail);
});

test("in a terminal, too, with one live line that no part of is left over", async (context) => {
  if (spawnSync("script", ["--version"]).status !== 0) context.skip("there is no `script` to make a terminal with");
  for (const folder of ["outputs", "checkpoints"]) rmSync(join(dir, folder), { recursive: true, force: true });
  const words = [process.execPath, program, "train", photos, ...overrides].map((word) => `'${word}'`).join(" ");
  const { stdout, status } = spawnSync("script", ["-qefc", `stty cols ${columns} rows 50; ${words}`, "/dev/null"], {
    cwd: dir,
    env: { ...process.env, OMP_NUM_THREADS: "1", TERM: "xterm-256color", NO_COLOR: "1" },
    encoding: "utf8",
  });
  expect(status, stdout).toBe(0);
  const lines = screen(stdout.trim());
  const text = lines.map(({ shown }) => shown).join("\n");
  for (const line of asked) expect(text).toMatch(line);
  expect(height(lines.map(({ shown }) => shown)), text).toBeLessThanOrEqual(40);
  expect(Math.max(...lines.map(({ widest }) => widest))).toBeLessThan(columns);
  expect(text).not.toMatch(/Epoch \d+\/12/);
  expect(stdout).toMatch(/Epoch 12\/12 .* left/);
  expect(stdout).not.toContain("\u001b[33m");
});
