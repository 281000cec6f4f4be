import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rng } from "@classifier-training/base";
import { inspectCheckpoint } from "@classifier-training/lightning";
import { readSplitRecord } from "@classifier-training/runs";
import { type Edit, EditLog, openData, storedBytes } from "@classifier-training/vision";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { quick } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 120_000 });

const dir = mkdtempSync(join(tmpdir(), "edits "));
const photos = "a b ü";
beforeEach(() => void vi.stubEnv("XDG_CACHE_HOME", join(dir, "cache")));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

/** A photo of smooth spots, unlike any other. */
async function photo(path: string): Promise<Buffer> {
  const random = Rng.at(path);
  const spots = Uint8Array.from({ length: 6 * 6 * 3 }, () => random.integer(256));
  return sharp(spots, { raw: { width: 6, height: 6, channels: 3 } })
    .resize(40, 40)
    .jpeg()
    .toBuffer();
}

const numbers = Array.from({ length: 24 }, (_, i) => `${i}.jpg`);

/** A folder of photos without any labels; edits give them some. */
beforeAll(async () => {
  mkdirSync(join(dir, photos));
  for (const name of numbers) writeFileSync(join(dir, photos, name), await photo(name));
  const log = EditLog.open(join(dir, photos));
  log.append({ op: "label", images: numbers.slice(0, 12), label: "cat" });
  log.append({ op: "label", images: numbers.slice(12, 23), label: "dog" });
  log.append({ op: "exclude", images: ["23.jpg", "22.jpg"], reason: "unreadable" });
  log.append({ op: "split", images: ["3.jpg", "14.jpg"], split: "val" });
  log.append({ op: "split", images: ["4.jpg"], split: "train" });
  const path = log.store(await photo("webcam"), ".jpg");
  log.append({ op: "add", images: [{ path, source: "webcam" }], label: "dog" });
});

const run = (args: readonly string[], cwd = dir) => inProcess(args, cwd);
const labels = async (root: string) => {
  const data = await openData(root);
  const train = await data.open("train");
  const found: string[] = [];
  for (const split of data.splits) {
    const dataset = await data.open(split, split === "train" ? undefined : train);
    for (const [i] of dataset.paths.entries()) {
      const names = Array.from(dataset.labelsOf(i), (k) => dataset.classes[k]);
      found.push(`${split} ${JSON.stringify(names)} ${Buffer.from(storedBytes(dataset.source, i)).toString("base64")}`);
    }
  }
  return { found: found.sort(), classes: train.classes };
};
/** As `labels`, of a data path below the folder of this test. */
const labelsOf = (root: string) => labels(join(dir, root));
const edit = (root: string, ...edits: Edit[]) => {
  const log = EditLog.open(join(dir, root));
  for (const one of edits) log.append(one);
};

test("edits are listed, taken back and made again, and written to a file", async () => {
  const listed = await run(["data", "edits", photos, "--limit", "2", "--json", "edits.json"]);
  expect(listed.code).toBe(0);
  expect(listed.stdout.split("\n").slice(0, 2)).toEqual([
    `6 edits of ${photos}: ${photos}/.classifier/edits.jsonl`,
    "the last 2:",
  ]);
  expect(listed.stdout).toMatch(/ {2}\d{4}-\d\d-\d\d \d\d:\d\d {2}added, label dog: webcam\n$/);
  for (const one of listed.stdout.split("\n")) expect(one.length).toBeLessThanOrEqual(80);
  expect(JSON.parse(readFileSync(join(dir, "edits.json"), "utf8"))).toMatchObject({ edits: { length: 6 }, undone: [] });
  const undone = await run(["data", "edits", photos, "--undo", "9", "--limit", "0"]);
  expect(undone.stdout).toContain("undo: split train: 4.jpg\n");
  expect(undone.stdout).toMatch(/nothing to undo\n0 edits of a b ü, and 6 taken back: /);
  expect((await run(["data", "stats", photos])).code).toBe(1);
  expect((await run(["data", "edits", photos, "--redo", "6"])).stdout).toContain("\n6 edits of a b ü: ");
  for (const args of [
    ["--undo", "--redo"],
    ["--undo", "0"],
    ["--undo", "x"],
  ])
    expect((await run(["data", "edits", photos, ...args])).code).toBe(1);
  expect((await run(["data", "edits", "nothing"])).stderr).toContain("the data path nothing does not exist");
});

test("images are edited by commands, too", async () => {
  cpSync(join(dir, photos), join(dir, "by commands"), { recursive: true });
  const label = (...args: string[]) => run(["data", "label", "by commands", ...args]);
  const done = [
    await label("by commands/0.jpg", "1.jpg", "--label", "fox"),
    await label(join(dir, "by commands/2.jpg"), "--none"),
    await label("5.jpg", "--exclude"),
    await label("23.jpg", "--include"),
    await label("6.jpg", "--split", "test"),
    await label("3.jpg", "--split", "any"),
  ];
  expect(done.map(({ stdout }) => stdout.trim())).toEqual([
    "label fox: 0.jpg and 1 more",
    "no label: 2.jpg",
    "left out: 5.jpg",
    "used again: 23.jpg",
    "split test: 6.jpg",
    "any split: 3.jpg",
  ]);
  const { state } = EditLog.open(join(dir, "by commands"));
  expect([state.labels.get("1.jpg"), state.labels.get("2.jpg"), state.excluded.get("5.jpg")]).toEqual([
    "fox",
    null,
    "other",
  ]);
  expect([state.splits.get("6.jpg"), state.splits.get("3.jpg"), state.excluded.has("23.jpg")]).toEqual([
    "test",
    undefined,
    false,
  ]);
  for (const [args, message] of [
    [["99.jpg", "--none"], "there is no image 99.jpg in by commands"],
    [["../edits.json", "--none"], "there is no image ../edits.json"],
    [["0.jpg"], "received 0 options"],
    [["0.jpg", "--none", "--include"], "received 2 options"],
    [["0.jpg", "--split", "dev2"], "expected train, valid, test or any, received dev2"],
    [["0.jpg", "--label", " "], "expected the name of a class"],
  ] as const) {
    const refused = await label(...args);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(message)]);
  }
  expect(EditLog.open(join(dir, "by commands")).edits).toHaveLength(12);
});

test("what reads data reads it with edits, and says so in one line", async () => {
  const checked = await run(["data", "check", photos]);
  expect(checked.stdout).toMatch(
    /^train: edits: 22 images labeled, 2 images left out, 1 added, 3 assigned to a split$/m,
  );
  const stats = await run(["data", "stats", photos]);
  expect(stats.text).toContain("train: edits: 22 images labeled, 2 images left out, 1 added, 3 assigned to a split");
  expect(stats.text).toMatch(/^split: 18 train, 5 valid, by class and content, 3 images as assigned$/m);
  expect(stats.text).toMatch(/^│ cat +│ +\d+ │/m);
});

describe("a training", () => {
  const small = [
    ...quick.filter((override) => !override.startsWith("data.data_root")),
    ...["model.width=8", "model.stem=small", "data.val_fraction=auto"],
    ...["callbacks.grad_cam=null", "callbacks.sample_visualization=null", "callbacks.onnx_export=null"],
  ];
  const train = (cwd: string, out: string, ...overrides: string[]) =>
    run(
      ["train", ...small, `data.data_root='${photos}'`, `hydra.run.dir=outputs/${out}`, ...overrides],
      join(dir, cwd),
    );
  const weights = (cwd: string) => inspectCheckpoint(join(dir, cwd, "checkpoints/last.ckpt")).weightsSha256;

  test("is of edited data, resumes with the same edits and the same bits, and starts anew with others", async () => {
    for (const cwd of ["calm", "stopped"]) cpSync(join(dir, photos), join(dir, cwd, photos), { recursive: true });
    const calm = await train("calm", "whole", "trainer.max_epochs=2");
    expect(calm.code, calm.stderr).toBe(0);
    expect(calm.stderr).toContain("train: edits: 22 images labeled, 2 images left out, 1 added, 3 assigned to a split");
    const record = readSplitRecord(join(dir, "calm/outputs/whole/split.json"));
    const on = (split: string) => record.samples.filter((one) => one.split === split).map(({ path }) => path);
    expect(record.samples).toHaveLength(23);
    expect(on("val")).toEqual(expect.arrayContaining(["3.jpg", "14.jpg"]));
    expect(on("train")).toContain("4.jpg");
    expect(record.samples.some(({ path }) => path.startsWith(".classifier/images/"))).toBe(true);
    expect(record.samples.map(({ path }) => path)).not.toContain("23.jpg");
    const mapping = JSON.parse(readFileSync(join(dir, "calm/outputs/whole/labels_mapping.json"), "utf8"));
    expect(JSON.stringify(mapping)).toMatch(/"cat".*"dog"/);

    expect((await train("stopped", "first", "trainer.max_epochs=1")).code).toBe(0);
    const resumed = await train("stopped", "second", "trainer.max_epochs=2");
    expect(resumed.stderr).toContain("resumes run");
    expect(weights("stopped")).toBe(weights("calm"));

    edit(join("stopped", photos), { op: "label", images: ["0.jpg"], label: "dog" });
    const other = await train("stopped", "third", "trainer.max_epochs=3");
    expect(other.code).toBe(0);
    expect(other.stderr).toContain("holds another experiment");
    expect(other.stderr).toMatch(/the (training|validation) images have other names or labels/);
    expect(other.stderr).not.toContain("resumes run");
    await run(["data", "edits", photos, "--undo"], join(dir, "stopped"));
    expect((await train("stopped", "fourth", "trainer.max_epochs=3")).stderr).toContain("resumes run");

    const evaluated = await run(["evaluate", "outputs/whole", "--data", photos], join(dir, "calm"));
    expect(evaluated.code, evaluated.text).toBe(0);
    expect(evaluated.text).toContain("Evaluation on valid: 5 images");
  });
});

describe("data export", () => {
  test.each([
    [["--as", "folders"], (name: string) => `train/cat/${name}`],
    [["--as", "jsonl"], (name: string) => `images/train/${name}`],
    [["--as", "folders", "--link"], (name: string) => `train/cat/${name}`],
  ])("%j reads back the same, as files of its own or hard links", async (flags, at) => {
    const to = `exported ${flags.join(" ")}`;
    const done = await run(["data", "export", photos, "--to", to, ...flags]);
    expect(done.code, done.text).toBe(0);
    expect(done.stdout).toBe(`${to}: 21 train, 2 valid, 2 classes\n`);
    expect(await labelsOf(to)).toEqual(await labelsOf(photos));
    expect(statSync(join(dir, to, at("0.jpg"))).nlink > 1).toBe(flags.includes("--link"));
    expect(readdirSync(dir).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    const again = await run(["data", "export", photos, "--to", to, ...flags]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("exists, and is not an empty folder")]);
  });

  const odd = ["..", "a/b", "CON", ".hidden", "Cat", "cat", "x.", "__proto__", "a:b", `${"ü".repeat(150)}`];

  test.each(["folders", "jsonl"])("as %s of classes that no folder can be called", async (layout) => {
    const source = `odd ${layout}`;
    mkdirSync(join(dir, source));
    for (const [i, name] of odd.entries()) {
      writeFileSync(join(dir, source, `${i}.jpg`), await photo(`${i}`));
      edit(source, { op: "label", images: [`${i}.jpg`], label: name });
    }
    const to = `${source} exported`;
    const done = await run(["data", "export", source, "--to", to, "--as", layout]);
    expect(done.code, done.text).toBe(0);
    const [there, wanted] = [await labelsOf(to), await labelsOf(source)];
    expect(there).toEqual(wanted);
    expect(there.classes).toHaveLength(odd.length);
    for (const path of readdirSync(join(dir, to), { recursive: true, encoding: "utf8" }))
      for (const part of path.split("/")) expect(part).toMatch(/^(?!\.|con$)[^\\:*?"<>|]{1,200}(?<![. ])$/i);
    const folders = layout === "folders" ? readdirSync(join(dir, to, "train")) : [];
    expect(new Set(folders.map((name) => name.toLowerCase())).size).toBe(folders.length);
  });

  test("of an archive with equal names, with an image that is added, and of several labels", async () => {
    const source = "packed";
    for (const [i, folder] of ["cat/x", "cat/y", "dog/x", "dog/y"].entries()) {
      mkdirSync(join(dir, source, folder), { recursive: true });
      writeFileSync(join(dir, source, folder, "1.jpg"), await photo(`packed ${i}`));
    }
    execFileSync("python3", ["-m", "zipfile", "-c", "x.zip", "cat", "dog"], { cwd: join(dir, source) });
    for (const name of ["cat", "dog"]) rmSync(join(dir, source, name), { recursive: true });
    edit(source, { op: "label", images: ["x.zip!cat/y/1.jpg"], label: "dog" });
    expect((await run(["data", "export", source, "--to", "unpacked", "--link"])).code).toBe(0);
    expect(await labelsOf("unpacked")).toEqual(await labelsOf(source));
    expect(readdirSync(join(dir, "unpacked/train/dog")).sort()).toEqual(["1-2.jpg", "1-3.jpg", "1.jpg"]);

    const several = "several";
    cpSync(join(dir, "unpacked/train/dog"), join(dir, several), { recursive: true });
    writeFileSync(join(dir, several, "x.csv"), "image,label\n1.jpg,a|b\n1-2.jpg,a\n1-3.jpg,b\n");
    const refused = await run(["data", "export", several, "--to", "never"]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("fix: export with --as jsonl")]);
    expect((await run(["data", "export", several, "--to", "lists", "--as", "jsonl"])).code).toBe(0);
    expect(await labelsOf("lists")).toEqual(await labelsOf(several));
  });

  test("refuses a folder in the data, and leaves nothing of what fails", async () => {
    for (const to of [photos, `${photos}/out`, `${photos}/x/../out`]) {
      const refused = await run(["data", "export", photos, "--to", to]);
      expect([refused.code, refused.stderr]).toEqual([
        1,
        expect.stringMatching(/lies in the data|not an empty folder/),
      ]);
    }
    // Names that a list reads as several labels.
    mkdirSync(join(dir, "bars"));
    for (const [i, name] of ["a|b", "a", "b"].entries()) {
      writeFileSync(join(dir, "bars", `${i}.jpg`), await photo(`bars ${i}`));
      edit("bars", { op: "label", images: [`${i}.jpg`], label: name });
    }
    const failed = await run(["data", "export", "bars", "--to", "fails", "--as", "jsonl"]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(
      /does not read back the same: an image of \w+ with the label "a.*fix: rename the class/s,
    );
    expect(existsSync(join(dir, "fails"))).toBe(false);
    expect(readdirSync(dir).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});
