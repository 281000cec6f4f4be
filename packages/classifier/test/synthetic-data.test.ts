import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ImageFolderDataModule } from "../src/data/image-folder-datamodule.ts";

const dir = mkdtempSync(join(tmpdir(), "synthetic-data-"));

async function images(root: string, counts: Readonly<Record<string, number>>): Promise<void> {
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
  await images("numbers", { "7": 3, "23": 1 });
  await images("animals", { cat: 1, dog: 1 });
});

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

type Options = ConstructorParameters<typeof ImageFolderDataModule>[0];

function dataModule(root: string, { synthetic, ...others }: Partial<Options> = {}): ImageFolderDataModule {
  return new ImageFolderDataModule({
    dataRoot: join(dir, root),
    batchSize: 4,
    numWorkers: 0,
    dropLast: false,
    imageSize: 24,
    synthetic: { below: 4, upTo: 4, atLeast: 2, size: 24, ...synthetic },
    ...others,
  });
}

async function opened(root: string, options?: Partial<Options>): Promise<ImageFolderDataModule> {
  const data = dataModule(root, options);
  await data.prepareData();
  await data.setup("fit");
  return data;
}

/** Indices of the training images that an epoch visits. */
async function drawnIn(data: ImageFolderDataModule, epoch: number): Promise<number[]> {
  const loader = data.trainDataloader();
  const seen: number[] = [];
  for await (const batch of loader.batches({ epoch })) {
    seen.push(...batch.indices);
    batch[Symbol.dispose]();
  }
  await loader.close();
  return seen;
}

test("synthetic numbers fill rare classes in training, are marked as synthetic, and leave the data's folder alone", async () => {
  const data = await opened("numbers");
  const samples = data.samples("train");
  const drawn = samples.filter(({ metadata }) => metadata?.["synthetic"] === true);
  const count = (list: typeof samples, name: string) =>
    list.filter(({ label }) => data.classNames[label] === name).length;
  expect([count(drawn, "23"), count(drawn, "7")]).toEqual([3, 2]);
  expect([count(samples, "23"), count(samples, "7")]).toEqual([4, 5]);
  expect(data.samples("val").every(({ metadata }) => metadata === undefined)).toBe(true);
  expect(readdirSync(join(dir, "numbers/train")).sort()).toEqual(["23", "7"]);

  expect((await drawnIn(data, 0)).sort((a, b) => a - b)).toEqual(samples.map((_, i) => i));
});

test("with a share, each epoch has all real images and that fraction of synthetic ones, which rotate", async () => {
  const data = await opened("numbers", { synthetic: { share: 0.2 } });
  const [real, drawn] = [4, 5];
  const turns: number[] = [];
  for (let epoch = 0; epoch < drawn; epoch++) {
    const seen = (await drawnIn(data, epoch)).sort((a, b) => a - b);
    expect(seen.slice(0, real)).toEqual([0, 1, 2, 3]);
    expect(seen).toHaveLength(real + 1);
    turns.push(seen[real] as number);
  }
  expect(turns.sort()).toEqual([4, 5, 6, 7, 8]);
});

test("a share together with a weighted sampler is an error", async () => {
  const data = await opened("numbers", { synthetic: { share: 0.2 }, sampler: { mode: "auto" } });
  expect(() => data.trainDataloader()).toThrow("sampler.mode is auto, and synthetic.share is set");
});

test("what was rendered once is found in the cache", async () => {
  await opened("numbers");
  const cache = join(dir, "cache/classifier-training/synthetic");
  const [folder = "", ...others] = readdirSync(cache);
  expect(others).toEqual([]);
  const written = () => statSync(join(cache, folder, "annotations.jsonl")).mtimeMs;
  const before = written();
  await opened("numbers");
  expect(written()).toBe(before);
});

test("an unfinished folder of a process that died is not taken for a complete one", async () => {
  const cache = join(dir, "cache/classifier-training/synthetic");
  const [folder = ""] = readdirSync(cache);
  rmSync(join(cache, folder), { recursive: true });
  mkdirSync(join(cache, `${folder}.1.tmp`));
  writeFileSync(join(cache, `${folder}.1.tmp`, "half.jpg"), "");
  const data = await opened("numbers");
  expect(data.samples("train")).toHaveLength(9);
});

test("classes that are not numbers cannot be rendered, and the error says so", async () => {
  await expect(dataModule("animals").prepareData()).rejects.toThrow(
    "'cat' is not a number: only numbers can be rendered",
  );
});

test("data.extra_classes are classes in all splits, in the order of names, and have synthetic images", async () => {
  const data = await opened("numbers", { extraClasses: ["3", "7"], synthetic: { atLeast: 2, below: 0 } });
  expect(data.classNames).toEqual(["23", "3", "7"]);
  const labels = (split: "train" | "val") =>
    data.samples(split).map(({ path, label }) => [basename(dirname(path)), data.classNames[label]]);
  expect(labels("val")).toEqual(["23", "7", "7", "7"].map((name) => [name, name]));
  for (const [folder, name] of labels("train")) expect(folder).toBe(name);
  expect(data.classCounts()).toEqual([3, 2, 5]);
});
