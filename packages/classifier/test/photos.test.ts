import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { select } from "@classifier-training/hydra";
import { OnnxClassifier } from "@classifier-training/inference";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ImageFolderDataModule } from "../src/data/image-folder-datamodule.ts";
import { composed } from "./compose.ts";
import { inProcess } from "./in-process.ts";
import { type TinyModel, writeTinyModel } from "./tiny-model.ts";

vi.setConfig({ testTimeout: 30_000 });

const dir = mkdtempSync(join(tmpdir(), "photos-"));
let model: TinyModel;

/** A photo that a camera stored rotated, and the same photo with its orientation applied. */
beforeAll(async () => {
  model = await writeTinyModel(dir);
  for (const folder of ["train/a", "train/b", "valid/a", "valid/b"])
    mkdirSync(join(dir, "data", folder), { recursive: true });
  const pixels = Uint8Array.from({ length: 24 * 16 * 3 }, (_, i) => (i * 5) % 256);
  const stored = sharp(pixels, { raw: { width: 24, height: 16, channels: 3 } }).png();
  await stored.clone().withMetadata({ orientation: 6 }).toFile(join(dir, "stored.png"));
  await stored.clone().rotate(90).toFile(join(dir, "oriented.png"));
  for (const folder of ["train/a", "train/b", "valid/a", "valid/b"])
    copyFileSync(join(dir, "stored.png"), join(dir, "data", folder, "1.png"));
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function firstValidationImage(exifOrientation: boolean): Promise<number[]> {
  const data = new ImageFolderDataModule({
    dataRoot: join(dir, "data"),
    numWorkers: 0,
    imageSize: 16,
    exifOrientation,
  });
  await data.setup("validate");
  expect(data.labelsMapping().preprocessing?.exif_orientation).toBe(exifOrientation);
  for await (using batch of data.valDataloader().batches({ epoch: 0 }))
    return [...(batch.images.toTypedArray() as Float32Array)].slice(0, 60);
  return [];
}

test("exif_orientation turns photos in training and in prediction alike, and is in the labels mapping", async () => {
  expect(await firstValidationImage(true)).not.toEqual(await firstValidationImage(false));
  const labels = join(model.exported, "labels_mapping.json");
  const mapping = JSON.parse(readFileSync(labels, "utf8"));
  for (const exif_orientation of [false, true]) {
    mapping.preprocessing.exif_orientation = exif_orientation;
    writeFileSync(join(dir, "labels.json"), JSON.stringify(mapping));
    const opened = await OnnxClassifier.load(join(model.exported, "model.onnx"), {
      labelsPath: join(dir, "labels.json"),
    });
    const [stored, oriented] = await opened.logits([join(dir, "stored.png"), join(dir, "oriented.png")]);
    await opened.close();
    if (exif_orientation) expect(stored).toEqual(oriented);
    else expect(stored).not.toEqual(oriented);
  }
});

test("the transforms of photos enable exif_orientation, those of jerseys do not", () => {
  const valueWith = (...overrides: string[]) =>
    select(composed("train_basketball_resnet18", overrides), "data.exif_orientation");
  expect(valueWith()).toBe(false);
  expect(valueWith("transforms=default")).toBe(true);
  expect(valueWith("transforms=default", "data.exif_orientation=false")).toBe(false);
});

test("the data check counts photos that EXIF says to turn", async () => {
  const { stdout } = await inProcess(["data", "check", "data"], dir);
  expect(stdout).toMatch(
    /Images that EXIF says to turn .*data\.exif_orientation=false.*: 4\n.*1\.png has orientation 6/,
  );
});

test("one bad file costs predict one line, and the exit code", async () => {
  writeFileSync(join(dir, "bad.png"), "not an image");
  const images = ["stored.png", "bad.png", "oriented.png"];
  const { code, stdout, stderr } = await inProcess(["predict", "exported", ...images, "--json"], dir);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(
    stdout
      .trim()
      .split("\n")
      .map((line) => Object.keys(JSON.parse(line))),
  ).toEqual([
    ["path", "predictions"],
    ["path", "error"],
    ["path", "predictions"],
  ]);
  expect(code).toBe(1);
  const text = await inProcess(["predict", "exported", "bad.png", "oriented.png"], dir);
  expect(text.stdout).toMatch(
    /^bad\.png {7}error: cannot be decoded: .*\noriented\.png {2}[ab] +\d+\.\d% {2}[ab] +\d+\.\d%\n$/,
  );
});
