import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DataLoader, validationPipeline } from "@classifier-training/vision";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ImageFolderDataModule } from "./image-folder-datamodule.ts";

const root = mkdtempSync(join(tmpdir(), "image-folder-"));

/** A white picture between two black bars, in each split. */
beforeAll(async () => {
  for (const split of ["train", "valid"]) {
    mkdirSync(join(root, split, "a"), { recursive: true });
    await sharp({ create: { width: 8, height: 16, channels: 3, background: "white" } })
      .extend({ left: 4, right: 4, background: "black" })
      .png()
      .toFile(join(root, split, "a", "1.png"));
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
