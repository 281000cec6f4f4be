import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setLogSinks } from "@classifier-training/base";
import { findTarget } from "@classifier-training/hydra";
import { type ClassificationBatch, type DataLoader, type ImageStep, MixUp } from "@classifier-training/vision";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { validationPipeline } from "../../../image/test/recipes.ts";
import { registerAll } from "../registry.ts";
import { ImageFolderDataModule } from "./image-folder-datamodule.ts";

vi.setConfig({ testTimeout: 30_000 });

const root = mkdtempSync(join(tmpdir(), "image-folder-"));

/** A white image between two black bars for each of two classes, in each split. */
beforeAll(async () => {
  registerAll();
  for (const folder of ["train/a", "train/b", "valid/a", "valid/b"]) {
    mkdirSync(join(root, folder), { recursive: true });
    await sharp({ create: { width: 8, height: 16, channels: 3, background: "white" } })
      .extend({ left: 4, right: 4, background: "black" })
      .png()
      .toFile(join(root, folder, "1.png"));
  }
});

afterEach(() => vi.unstubAllEnvs());
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** What `read` finds in the batches of one epoch. */
async function readAll<T>(
  loader: Pick<DataLoader, "batches" | "close">,
  read: (batch: ClassificationBatch) => Iterable<T>,
): Promise<T[]> {
  const found: T[] = [];
  for await (const batch of loader.batches({ epoch: 0 })) {
    found.push(...read(batch));
    batch[Symbol.dispose]();
  }
  await loader.close();
  return found;
}

async function darkest(loader: Pick<DataLoader, "batches" | "close">): Promise<number> {
  const values = ({ images }: ClassificationBatch) => images.to({ dtype: "float32" }).toTypedArray() as Float32Array;
  return Math.min(...(await readAll(loader, values)));
}

test("trimBars is short for the image step TrimBars, which crops bars of training images in any thread, and of no others", async () => {
  const pipeline = validationPipeline({ imageSize: 16, resizeSize: 16 });
  const darkestOf = async (changes: Partial<ConstructorParameters<typeof ImageFolderDataModule>[0]>) => {
    const options = {
      dataRoot: root,
      numWorkers: 0,
      imageSize: 16,
      trainTransforms: pipeline,
      valTransforms: pipeline,
    };
    const data = new ImageFolderDataModule({ ...options, ...changes });
    await data.setup("fit");
    return [await darkest(data.trainDataloader()), await darkest(data.valDataloader())] as const;
  };
  const [trimmed, validated] = await darkestOf({ trimBars: true });
  const [untouched] = await darkestOf({});
  expect(trimmed).toBeGreaterThan(1);
  expect(validated).toBeLessThan(-1);
  expect(untouched).toBe(validated);
  vi.stubEnv("XDG_CACHE_HOME", join(root, "cache"));
  for (let time = 0; time < 2; time++) {
    const disk = { useCache: true, cacheType: "disk" } as const;
    expect(await darkestOf(disk)).toEqual([untouched, validated]);
    expect(await darkestOf({ ...disk, trimBars: true }), "another cache").toEqual([trimmed, validated]);
  }
  expect(readdirSync(join(root, "cache/classifier-training/images"))).toHaveLength(3);
  const target = await findTarget("classifier_training.jersey.TrimBars");
  const imageSteps = [target?.invoke([], {}) as ImageStep];
  expect(await darkestOf({ imageSteps, numWorkers: 1 })).toEqual([trimmed, validated]);
});

test.each([
  { batchSize: 2, dropLast: "auto", batches: 2 },
  { batchSize: 2, dropLast: true, batches: 2 },
  { batchSize: 2, dropLast: false, batches: 3 },
  { batchSize: 3, dropLast: "auto", batches: 2 },
  { batchSize: 3, dropLast: true, batches: 1 },
  { batchSize: 1, dropLast: "auto", batches: 5 },
] as const)(
  "of 5 samples in batches of $batchSize, dropLast $dropLast trains on $batches",
  async ({ batches, ...options }) => {
    const five = join(root, "five");
    for (const [i, name] of ["train/a/1", "train/a/2", "train/a/3", "train/b/1", "train/b/2", "valid/a/1"].entries()) {
      mkdirSync(join(five, dirname(name)), { recursive: true });
      await sharp({ create: { width: 8 + i, height: 8, channels: 3, background: "white" } })
        .png()
        .toFile(join(five, `${name}.png`));
    }
    const said: string[] = [];
    const restore = setLogSinks([({ message }) => void said.push(message)]);
    const data = new ImageFolderDataModule({ dataRoot: five, numWorkers: 0, imageSize: 16, ...options });
    await data.setup("fit");
    const loader = data.trainDataloader();
    expect(loader.length).toBe(batches);
    const sizes = await readAll(loader, ({ indices }) => [indices.length]);
    restore();
    expect(sizes).toHaveLength(batches);
    expect(said.some((line) => line.includes("would hold a single sample"))).toBe(
      options.dropLast === "auto" && options.batchSize === 2,
    );
  },
);

test("batchTransform blends training batches with the data's number of classes, and leaves validation batches alone", async () => {
  const data = new ImageFolderDataModule({
    dataRoot: root,
    numWorkers: 0,
    imageSize: 16,
    batchTransform: new MixUp({ alpha: 0.4 }),
  });
  await data.setup("fit");
  const labelsOf = (loader: Pick<DataLoader, "batches" | "close">) =>
    readAll(loader, ({ labels }) => labels.tolist() as Iterable<unknown>);
  const [first, second] = (await labelsOf(data.trainDataloader())) as [number[], number[]];
  expect(first).toHaveLength(2);
  expect(first[0]).toBeCloseTo(second[1] as number);
  expect((first[0] as number) + (first[1] as number)).toBeCloseTo(1);
  expect(Math.max(...first)).toBeLessThan(1);
  expect((await labelsOf(data.valDataloader())).map(Number).sort()).toEqual([0, 1]);
});
