import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { zipSync } from "fflate";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 300_000 });

const dir = mkdtempSync(join(tmpdir(), "data-paths-"));
const archive = "a b ü.zip";
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Six images of each of two colors, in `train` and `Val`, and a file that is not an image. */
beforeAll(async () => {
  const files: Record<string, Uint8Array> = { "photos/train/red/broken.jpg": Uint8Array.of(1, 2, 3) };
  for (const [split, first] of [
    ["train", 0],
    ["Val", 6],
  ] as const)
    for (const [name, r] of [
      ["red", 200],
      ["blue", 40],
    ] as const)
      for (let i = first; i < first + 6; i++) {
        const background = { r: r + i, g: 9 * i, b: 240 - r };
        const image = sharp({ create: { width: 40 + i, height: 40, channels: 3, background } });
        files[`photos/${split}/${name}/${i}.JPG`] = await image.jpeg().toBuffer();
      }
  writeFileSync(join(dir, archive), zipSync(files));
});

const tiny = [
  ...["model.stem=small", "model.width=8", "model.pretrained=false", "data.image_size=32", "data.batch_size=4"],
  ...["data.num_workers=1", "data.drop_last=false", "trainer.precision=32-true", "hydra.run.dir=run"],
];

test("a zip file is checked, trained on, resumed, evaluated and exported, and nothing is unpacked beside it", async () => {
  const check = await inProcess(["data", "check", archive], dir);
  expect(check.stdout).toContain("train: 13 images in 2 classes, 6 to 7 images each");
  expect(check.stdout).toMatch(/Corrupt files: 1\n {2}photos\/train\/red\/broken\.jpg cannot be decoded/);

  const train = (epochs: number) => inProcess(["train", archive, ...tiny, `trainer.max_epochs=${epochs}`], dir);
  const first = await train(1);
  expect(first.code).toBe(0);
  expect(first.stderr + first.stdout + readFileSync(join(dir, "run/train.log"), "utf8")).toContain("broken.jpg");
  const record = () => JSON.parse(readFileSync(join(dir, "run/run.json"), "utf8"));
  expect(record().status).toBe("success");

  const evaluated = await inProcess(["evaluate", "run", "--data", archive, "--split", "val"], dir);
  expect(evaluated.stdout).toContain("Evaluation on val: 12 images");
  expect(evaluated.code).toBe(0);
  const exported = await inProcess(["export", "run", "--data", archive, "--out", "bundle", "--golden", "2"], dir);
  expect(exported.code).toBe(0);
  expect(readdirSync(join(dir, "bundle/golden"))).toEqual(["000.JPG", "001.JPG"]);

  const { code, stdout, stderr } = await train(2);
  expect(stdout + stderr).toMatch(/resum|restor/i);
  expect(code).toBe(0);
  expect(readdirSync(dir).filter((name) => name.startsWith("photos"))).toEqual([]);
});

test("a folder without a validation split and a list with columns of other names pass the check, split as in training; synth says what it needs", async () => {
  const rows = [];
  for (const name of ["1", "2"])
    for (let i = 0; i < 3; i++) {
      const file = `photos ü/${name}/${i}.png`;
      mkdirSync(dirname(join(dir, file)), { recursive: true });
      const background = { r: 99 * Number(name), g: 80 * i, b: 9 };
      await sharp({ create: { width: 20 + 3 * i, height: 20, channels: 3, background } })
        .png()
        .toFile(join(dir, file));
      rows.push(`${file},${name}`);
    }
  writeFileSync(join(dir, "list.csv"), `photo,number\n${rows.join("\n")}\n`);
  const columns = ["--image-column", "photo", "--label-column", "number"];
  for (const args of [["photos ü"], ["list.csv", ...columns]]) {
    const { code, stdout } = await inProcess(["data", "check", ...args], dir);
    expect(stdout).toContain(
      "train: 4 images in 2 classes, 2 to 2 images each\nvalid: 2 images in 2 classes, 1 to 1 images each\n\nsplit: 4 train, 2 valid, by class and content\n",
    );
    expect(code).toBe(0);
  }
  const unknown = await inProcess(["data", "stats", "list.csv"], dir);
  expect(unknown.stderr).toContain("where: columns there: number, photo\n  fix: name it: data.image_column=NAME");
  expect(unknown.code).toBe(1);
  const synth = await inProcess(["synth", archive], dir);
  expect(synth.stderr).toContain("expected a folder with train/ in it, received a b ü.zip");
  expect(synth.code).toBe(1);
});

test("evaluate and export take the columns of a list, as flags or as in training", async () => {
  const rows = ["red", "blue"].flatMap((name, k) => [0, 1, 2].map((i) => `photos ü/${k + 1}/${i}.png,${name},${i}`));
  writeFileSync(join(dir, "colors.csv"), `photo,color,player\n${rows.join("\n")}\n`);
  const flags = ["--image-column", "photo", "--label-column", "color"];
  const words = ["data.image_column=photo", "data.label_column=color", "data.val_fraction=0.5"];
  const evaluated = await inProcess(["evaluate", "run", "--data", "colors.csv", ...flags], dir);
  expect(evaluated.text).toContain("Evaluation on valid: 2 images");
  const halved = await inProcess(["evaluate", "run", ...words, "--data", "colors.csv", "--json", "e.json"], dir);
  expect(halved.text).toMatch(/Evaluation on valid: [34] images/);
  const exported = await inProcess(["export", "run", ...words, "--data", "colors.csv", "--out", "of list"], dir);
  expect(exported.code, exported.text).toBe(0);
  const { accuracy } = JSON.parse(readFileSync(join(dir, "of list/bundle.json"), "utf8"));
  expect([3, 4]).toContain(accuracy.n);
  const unnamed = await inProcess(["evaluate", "run", "--data", "colors.csv"], dir);
  expect(unnamed).toMatchObject({ code: 1, text: expect.stringContaining("columns there: color, photo, player") });
  const grouped = await inProcess(["data", "stats", "colors.csv", ...flags, "--group", "player"], dir);
  expect(grouped.text).toMatch(/groups of player together/);
});
