import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { setLogSinks } from "@classifier-training/base";
import sharp from "sharp";
import { afterAll, expect, test, vi } from "vitest";
import { ImageFolderDataModule } from "../src/data/image-folder-datamodule.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 60_000 });

const dir = mkdtempSync(join(tmpdir(), "layouts-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const images = ["7/0.png", "7/1.png", "7/deep/2.png", "23/0.png", "23/1.png"];
const labelOf = (path: string) => path.split("/")[0] as string;

/** A data root whose splits hold the same five images, labeled in one way. */
async function dataRoot(name: string, annotate: (split: string) => Readonly<Record<string, string>>): Promise<string> {
  const root = join(dir, name);
  for (const [s, split] of ["train", "valid"].entries()) {
    for (const [i, image] of images.entries()) {
      const path = join(root, split, image);
      mkdirSync(dirname(path), { recursive: true });
      await sharp({ create: { width: 20 + i, height: 24, channels: 3, background: { r: 40 * i, g: 90 * s, b: 120 } } })
        .png()
        .toFile(path);
    }
    for (const [file, text] of Object.entries(annotate(join(root, split))))
      writeFileSync(join(root, split, file), text);
  }
  return root;
}

const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
const jsonl = (nameOf: (image: string) => string) =>
  lines(images.map((image) => ({ image: nameOf(image), prefix: "", suffix: labelOf(image) })));

const layouts: Readonly<Record<string, (split: string) => Readonly<Record<string, string>>>> = {
  folders: () => ({}),
  jsonl: () => ({ "annotations.jsonl": jsonl((image) => image) }),
  "jsonl-absolute": (split) => ({ "annotations.jsonl": jsonl((image) => join(split, image)) }),
  "metadata.csv": () => ({
    "metadata.csv": `file_name,label\n${images.map((image) => `${image},${labelOf(image)}\n`).join("")}`,
  }),
  "metadata.jsonl": () => ({
    "metadata.jsonl": lines(images.map((image) => ({ file_name: image, label: labelOf(image) }))),
  }),
};

/** The labels of the files of a split, as training reads them. */
async function trained(root: string, split: "train" | "val" = "train"): Promise<string[]> {
  const data = new ImageFolderDataModule({ dataRoot: root, numWorkers: 0, imageSize: 16 });
  await data.setup("fit");
  return data.samples(split).map(({ path, label }) => `${relative(root, path)}=${data.classNames[label]}`);
}

test.each(Object.keys(layouts))(
  "%s: relative, absolute and '.' roots give the same samples, and the check, statistics and synth agree with training",
  async (name) => {
    const root = await dataRoot(name, layouts[name] as (typeof layouts)[string]);
    const expected = images.map((image) => `train/${image}=${labelOf(image)}`).sort();
    const before = process.cwd();
    const sorted = (found: readonly string[]) => [...found].sort();
    expect(sorted(await trained(root))).toEqual(expected);
    process.chdir(dir);
    try {
      expect(sorted(await trained(name))).toEqual(expected);
      process.chdir(root);
      expect(sorted(await trained("."))).toEqual(expected);
    } finally {
      process.chdir(before);
    }

    const checked = await inProcess(["data", "check", ".", "--json", "check.json"], root);
    expect(checked.stdout).toContain("train: 5 images in 2 classes, 2 to 3 images each");
    expect(checked.stdout).toContain("No serious problem");
    expect(checked.code).toBe(0);
    expect((await inProcess(["data", "stats", name], dir)).stdout).toContain("5 training samples in 2 classes");

    // Twice: the second run replaces what the first drew.
    for (const seed of ["1", "2"]) {
      const drawn = await inProcess(["synth", name, "--up-to", "5", "--size", "24", "--seed", seed], dir);
      expect(drawn.stderr + drawn.stdout).toContain("5 images for 2 classes");
      expect(drawn.code).toBe(0);
    }
    const filled = await trained(root);
    expect(filled.filter((line) => expected.includes(line))).toHaveLength(5);
    expect(filled).toHaveLength(10);
    expect(filled.filter((line) => line.endsWith("=7"))).toHaveLength(5);
    const written = readdirSync(join(root, "train"), { recursive: true }).map(String);
    const annotations = written.filter((file) => /\.(jsonl|csv)$/.test(file)).sort();
    const own = Object.keys((layouts[name] as (typeof layouts)[string])(root));
    expect(annotations).toEqual(own.flatMap((file) => [file, `synthetic/${file}`]).sort());
  },
);

test("images that no annotation speaks for are an error with counts for training, check and synth alike", async () => {
  const root = await dataRoot("mixed", () => ({}));
  mkdirSync(join(root, "train/extra"));
  cpSync(join(root, "train/7/0.png"), join(root, "train/extra/x.png"));
  writeFileSync(join(root, "train/extra/annotations.jsonl"), lines([{ image: "x.png", prefix: "", suffix: "7" }]));
  const sentence =
    /mixes two layouts: extra\/annotations\.jsonl labels 1 image, and 5 images elsewhere, such as 23\/0\.png/;
  await expect(trained(root)).rejects.toThrow(sentence);
  for (const args of [
    ["data", "check", "mixed"],
    ["data", "stats", "mixed"],
    ["synth", "mixed"],
  ]) {
    const { code, stdout, stderr } = await inProcess(args, dir);
    expect(stdout + stderr).toMatch(sentence);
    expect(stdout).not.toContain("No serious problem");
    expect(code).toBe(args[1] === "check" ? 2 : 1);
  }
  writeFileSync(join(root, "train/metadata.csv"), "file_name,label\n7/0.png,7\n");
  await expect(trained(root)).rejects.toThrow(
    /annotation files of two kinds: extra\/annotations\.jsonl and metadata\.csv/,
  );
  rmSync(join(root, "train/extra"), { recursive: true });
  cpSync(join(root, "train/metadata.csv"), join(root, "train/7/metadata.csv"));
  rmSync(join(root, "train/metadata.csv"));
  writeFileSync(join(root, "train/7/metadata.csv"), "file_name,label\n0.png,7\n1.png,7\n");
  await expect(trained(root)).rejects.toThrow(/7\/metadata\.csv labels 2 images, and 2 images elsewhere/);
});

test("what training leaves out is counted and named in its log and by the check", async () => {
  const root = await dataRoot("left-out", (split) =>
    split.endsWith("valid")
      ? {}
      : { "annotations.jsonl": jsonl((image) => image).replace(/.*deep.*\n|.*23\/1.*\n/g, "") },
  );
  writeFileSync(join(root, "valid/7/photo.HEIC"), "x");
  writeFileSync(join(root, "valid/23/scan.jp2"), "x");
  for (const noise of ["._0.png", ".ipynb_checkpoints/0.png", "__MACOSX/7/0.png", "notes.txt"]) {
    mkdirSync(dirname(join(root, "valid/7", noise)), { recursive: true });
    writeFileSync(join(root, "valid/7", noise), "x");
  }
  mkdirSync(join(root, "valid/.ipynb_checkpoints"));
  cpSync(join(root, "valid/7/0.png"), join(root, "valid/stray.png"));
  writeFileSync(join(root, "labels.csv"), "a,b\n");
  const logged: string[] = [];
  const restore = setLogSinks([({ level, message }) => void (level === "WARNING" && logged.push(message))]);
  expect(await trained(root, "val")).toHaveLength(5);
  restore();
  expect(logged.map((line) => line.replaceAll(root, "ROOT"))).toEqual([
    "train: 2 images left out (named by no annotation): such as ROOT/train/23/1.png",
    "train: not read: labels.csv",
    "valid: 1 image left out (in no class folder): such as ROOT/valid/stray.png",
    "valid: 2 images left out (format not read): 1 .heic, 1 .jp2",
    "valid: not read: labels.csv",
  ]);
  const check = await inProcess(["data", "check", "left-out"], dir);
  expect(check.stdout).toMatch(/Image files that no annotation names: 2\n {2}train\/23\/1\.png/);
  expect(check.stdout).toMatch(/formats that are not read.*: 2\n/);
});

test("a link that leads back to itself or to a folder around it is a sentence", async () => {
  const root = await dataRoot("links", () => ({}));
  symlinkSync("..", join(root, "train/7/up"));
  await expect(trained(root)).rejects.toThrow(
    /the symbolic link .*train\/7\/up.* leads back to itself or to a folder around it/,
  );
  rmSync(join(root, "train/7/up"));
  symlinkSync("self.png", join(root, "train/7/self.png"));
  await expect(trained(root)).rejects.toThrow(/the symbolic link .*self\.png leads back to itself/);
  rmSync(join(root, "train/7/self.png"));
  symlinkSync("0.png", join(root, "train/7/other.png"));
  symlinkSync(join(root, "train/23"), join(root, "train/24"));
  expect(await trained(root)).toHaveLength(8);
});

test("the check says that a single class is not enough, as training does", async () => {
  const root = await dataRoot("single", () => ({}));
  for (const split of ["train", "valid"]) rmSync(join(root, split, "23"), { recursive: true });
  const { code, stdout } = await inProcess(["data", "check", "single"], dir);
  expect(stdout).toContain("Training cannot read train: its images are all of one class, 7");
  expect(stdout).not.toContain("No serious problem");
  expect(code).toBe(2);
});
