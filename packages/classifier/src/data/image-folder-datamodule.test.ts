import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DataLoader, MixUp, validationPipeline } from "@classifier-training/vision";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ImageFolderDataModule } from "./image-folder-datamodule.ts";

const root = mkdtempSync(join(tmpdir(), "image-folder-"));

/** A white picture between two black bars for each of two classes, in each split. */
beforeAll(async () => {
  for (const folder of ["train/a", "train/b", "valid/a", "valid/b"]) {
    mkdirSync(join(root, folder), { recursive: true });
    await sharp({ create: { width: 8, height: 16, channels: 3, background: "white" } })
      .extend({ left: 4, right: 4, background: "black" })
      .png()
      .toFile(join(root, folder, "1.png"));
  }
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

async function darkest(loader: DataLoader): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for await (const batch of loader.batches({ epoch: 0 })) {
    least = Math.min(least, ...(batch.images.to({ dtype: "float32" }).toTypedArray() as Float32Array));
    batch[Symbol.dispose]();
  }
  await loader.close();
  return least;
}

test("trimBars takes the bars off training pictures, and validates pictures as they are", async () => {
  const pipeline = validationPipeline({ imageSize: 16, resizeSize: 16 });
  const darkestOf = async (trimBars: boolean) => {
    const options = {
      dataRoot: root,
      numWorkers: 0,
      imageSize: 16,
      trainTransforms: pipeline,
      valTransforms: pipeline,
    };
    const data = new ImageFolderDataModule({ ...options, trimBars });
    return [await darkest(data.trainDataloader()), await darkest(data.valDataloader())] as const;
  };
  const [trimmed, validated] = await darkestOf(true);
  const [untouched] = await darkestOf(false);
  expect(trimmed).toBeGreaterThan(1);
  expect(validated).toBeLessThan(-1);
  expect(untouched).toBe(validated);
});

test("batchTransform blends training batches with the data's number of classes, and leaves validation batches alone", async () => {
  const data = new ImageFolderDataModule({
    dataRoot: root,
    numWorkers: 0,
    imageSize: 16,
    batchTransform: new MixUp({ alpha: 0.4 }),
  });
  const labelsOf = async (loader: DataLoader) => {
    const labels: unknown[] = [];
    for await (const batch of loader.batches({ epoch: 0 })) {
      labels.push(...(batch.labels.tolist() as unknown[]));
      batch[Symbol.dispose]();
    }
    await loader.close();
    return labels;
  };
  const [first, second] = (await labelsOf(data.trainDataloader())) as [number[], number[]];
  expect(first).toHaveLength(2);
  expect(first[0]).toBeCloseTo(second[1] as number);
  expect((first[0] as number) + (first[1] as number)).toBeCloseTo(1);
  expect(Math.max(...first)).toBeLessThan(1);
  expect((await labelsOf(data.valDataloader())).map(Number).sort()).toEqual([0, 1]);
});
