import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ImageFolderDataModule } from "../src/data/image-folder-datamodule.ts";

const dir = mkdtempSync(join(tmpdir(), "synthetic-data-"));

async function pictures(root: string, counts: Readonly<Record<string, number>>): Promise<void> {
  for (const split of ["train", "valid"])
    for (const [label, count] of Object.entries(counts)) {
      const folder = join(dir, root, split, label);
      mkdirSync(folder, { recursive: true });
      for (let i = 0; i < count; i++)
        await sharp({ create: { width: 20, height: 24, channels: 3, background: { r: 40 * i, g: 90, b: 120 } } })
          .png()
          .toFile(join(folder, `${i}.png`));
    }
}

beforeAll(async () => {
  vi.stubEnv("XDG_CACHE_HOME", join(dir, "cache"));
  await pictures("numbers", { "7": 3, "23": 1 });
  await pictures("animals", { cat: 1, dog: 1 });
});

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

function dataModule(root: string): ImageFolderDataModule {
  return new ImageFolderDataModule({
    dataRoot: join(dir, root),
    batchSize: 4,
    numWorkers: 0,
    imageSize: 24,
    synthetic: { below: 4, up_to: 4, at_least: 2, size: 24 },
  });
}

async function opened(root: string): Promise<ImageFolderDataModule> {
  const data = dataModule(root);
  await data.prepareData();
  data.setup("fit");
  return data;
}

test("drawn numbers fill rare classes in training, are marked as drawn, and leave the data's folder alone", async () => {
  const data = await opened("numbers");
  const samples = data.samples("train");
  const drawn = samples.filter(({ metadata }) => metadata?.["synthetic"] === true);
  const count = (list: typeof samples, name: string) =>
    list.filter(({ label }) => data.classNames[label] === name).length;
  expect([count(drawn, "23"), count(drawn, "7")]).toEqual([3, 2]);
  expect([count(samples, "23"), count(samples, "7")]).toEqual([4, 5]);
  expect(data.samples("val").every(({ metadata }) => metadata === undefined)).toBe(true);
  expect(readdirSync(join(dir, "numbers/train")).sort()).toEqual(["23", "7"]);

  const loader = data.trainDataloader();
  const seen: number[] = [];
  for await (const batch of loader.batches({ epoch: 0 })) {
    seen.push(...batch.indices);
    batch[Symbol.dispose]();
  }
  await loader.close();
  expect(seen.sort((a, b) => a - b)).toEqual(samples.map((_, i) => i));
});

test("what was drawn once is found again", async () => {
  await opened("numbers");
  const cache = join(dir, "cache/classifier-training/synthetic");
  const [folder = "", ...others] = readdirSync(cache);
  expect(others).toEqual([]);
  const written = () => statSync(join(cache, folder, "annotations.jsonl")).mtimeMs;
  const before = written();
  await opened("numbers");
  expect(written()).toBe(before);
});

test("an unfinished folder of a process that died is not taken for a whole one", async () => {
  const cache = join(dir, "cache/classifier-training/synthetic");
  const [folder = ""] = readdirSync(cache);
  rmSync(join(cache, folder), { recursive: true });
  mkdirSync(join(cache, `${folder}.1.tmp`));
  writeFileSync(join(cache, `${folder}.1.tmp`, "half.jpg"), "");
  const data = await opened("numbers");
  expect(data.samples("train")).toHaveLength(9);
});

test("classes that are no numbers cannot be drawn, and the error says so", async () => {
  await expect(dataModule("animals").prepareData()).rejects.toThrow("'cat' is not a number: only numbers can be drawn");
});
