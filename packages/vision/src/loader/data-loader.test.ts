import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Transform } from "@classifier-training/image";
import {
  byteImage,
  ColorJitter,
  Compose,
  encodeJpeg,
  GaussianBlur,
  HorizontalFlip,
  RandomAdjustSharpness,
  RandomAffine,
  RandomApply,
  RandomBilinearDownscale,
  RandomChoice,
  RandomGaussianNoise,
  RandomJPEGCompression,
  RandomPerspective,
  RandomResizedCrop,
  Resize,
  ToFloat32Tensor,
  TrivialAugmentWide,
  toChannelsFirst,
} from "@classifier-training/image";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { reservedBytes } from "../../../image/src/kernels/heap.ts";
import { occupyPool } from "../../../image/test/occupy-pool.ts";
import { basketballJerseyTrainPipeline, validationPipeline } from "../../../image/test/recipes.ts";
import { ImageFolder } from "../datasets/image-folder.ts";
import { RandomSampler, SequentialSampler } from "../samplers/basic.ts";
import { RepeatedAugmentationSampler } from "../samplers/repeated-augmentation.ts";
import type { ClassificationBatch } from "./batch.ts";
import { DataLoader, type DataLoaderOptions } from "./data-loader.ts";

vi.setConfig({ testTimeout: 300_000 });

let root: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "vision-loader-"));
  for (let i = 0; i < 23; i++) {
    const width = 20 + (i % 7) * 5;
    const height = 30 + (i % 5) * 4;
    const pixels = Uint8Array.from({ length: width * height * 3 }, (_, k) => (k * (i + 3)) % 251);
    mkdirSync(join(root, String(i % 3)), { recursive: true });
    writeFileSync(join(root, String(i % 3), `${i}.jpg`), await encodeJpeg(byteImage(pixels, width, height), 90));
  }
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Plain {
  readonly pixels: Float32Array;
  readonly labels: number[];
  readonly indices: readonly number[];
}

function plain(batch: ClassificationBatch): Plain {
  const made = {
    pixels: batch.images.contiguous().toTypedArray() as Float32Array,
    labels: Array.from(batch.labels.toTypedArray() as BigInt64Array, Number),
    indices: batch.indices,
  };
  batch[Symbol.dispose]();
  return made;
}

async function collect(options: DataLoaderOptions, epoch = 0, startBatch = 0): Promise<Plain[]> {
  const loader = new DataLoader(new ImageFolder({ root }), { exactWorkers: true, ...options });
  const batches: Plain[] = [];
  try {
    for await (const batch of loader.batches({ epoch, startBatch })) batches.push(plain(batch));
  } finally {
    await loader.close();
  }
  return batches;
}

const jersey = () => basketballJerseyTrainPipeline({ imageSize: 32 });

test("batches are the same with 0, 1, 2 and 5 workers", async () => {
  const options = { batchSize: 4, shuffle: true, transform: jersey(), seed: 7 };
  const expected = await collect({ ...options, numWorkers: 0 }, 3);
  expect(expected).toHaveLength(6);
  for (const numWorkers of [1, 2, 5]) expect(await collect({ ...options, numWorkers }, 3)).toEqual(expected);
});

test("repeated augmentation and alternating flips: the same with 0, 1 and 2 workers and in mid-epoch, each copy another", async () => {
  const transform = Compose({
    transforms: [RandomResizedCrop({ size: 16 }), HorizontalFlip(), TrivialAugmentWide(), ToFloat32Tensor()],
  });
  const sampler = () => new RepeatedAugmentationSampler(new RandomSampler(23, { seed: 7 }), 3);
  const read = (numWorkers: number, startBatch = 0) =>
    collect({ batchSize: 6, transform, seed: 7, sampler: sampler(), numWorkers }, 1, startBatch);
  const expected = await read(0);
  for (const numWorkers of [1, 2]) expect(await read(numWorkers)).toEqual(expected);
  expect(await read(2, 2)).toEqual(expected.slice(2));
  // The first batch: the last copy of a sample, three of the next, two of the one after it.
  const [batch] = expected;
  const copies = [1, 2, 3].map((row) => [...(batch?.pixels.subarray(row * 768, (row + 1) * 768) ?? [])]);
  expect(new Set(batch?.indices.slice(1, 4)).size).toBe(1);
  expect(new Set(copies.map((pixels) => pixels.join())).size).toBe(3);
});

/** Transforms of whole photos in front of the crop. */
const photoTransform = () =>
  Compose({
    transforms: [
      ColorJitter({ brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.1 }),
      RandomAffine({ degrees: 20, translate: [0.1, 0.1], shear: 8, interpolation: "bilinear" }),
      GaussianBlur({ kernelSize: 5, sigma: [0.5, 2] }),
      RandomChoice({
        transforms: [
          RandomPerspective({ distortionScale: 0.3, p: 1 }),
          RandomAdjustSharpness({ sharpnessFactor: 2, p: 1 }),
          RandomJPEGCompression({ qualityMin: 20, qualityMax: 90, p: 1 }),
          RandomGaussianNoise({ sigmaMin: 3, sigmaMax: 9, p: 1 }),
          RandomBilinearDownscale({ p: 1 }),
        ],
      }),
      Resize({ size: 700 }),
      RandomResizedCrop({ size: 64 }),
      ToFloat32Tensor(),
    ],
  });

test("batches of large photos are the same with 0, 1, 2 and 8 workers, after a resume, and whatever memory is left", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vision-photos-"));
  for (let i = 0; i < 4; i++) {
    const [width, height] = [1600 + 290 * i, 2200 - 70 * i];
    const row = Uint8Array.from(
      { length: width * 3 },
      (_, k) => 128 + 100 * Math.sin(k / (90 + 7 * i)) + ((k * 79) % 23),
    );
    const pixels = new Uint8Array(row.length * height);
    for (let y = 0; y < height; y++) pixels.set(row.subarray(y % 97), y * row.length);
    mkdirSync(join(folder, String(i % 2)), { recursive: true });
    const image = byteImage(pixels, width, height);
    writeFileSync(join(folder, String(i % 2), `${i}.jpg`), await encodeJpeg(image, 92));
  }
  const read = async (numWorkers: number, startBatch = 0) => {
    const options = { batchSize: 2, shuffle: true, seed: 3, transform: photoTransform(), exactWorkers: true };
    const loader = new DataLoader(new ImageFolder({ root: folder }), { ...options, numWorkers });
    const batches: Plain[] = [];
    for await (const batch of loader.batches({ epoch: 1, startBatch })) batches.push(plain(batch));
    await loader.close();
    return batches;
  };
  const expected = await read(1);
  expect(expected).toHaveLength(2);
  for (const numWorkers of [0, 2, 8]) expect(await read(numWorkers)).toEqual(expected);
  expect(await read(2, 1)).toEqual(expected.slice(1));
  const giveBack = occupyPool();
  expect(await read(0, 1)).toEqual(expected.slice(1));
  giveBack();
  rmSync(folder, { recursive: true });
}, 120_000);

test("an image that becomes too large for memory is an error that names it, or is skipped", async () => {
  const transform = Compose({
    transforms: [
      RandomApply({ p: 0.2, transforms: [Resize({ size: [60_000, 30_000] })] }),
      Resize({ size: [16, 16] }),
      ToFloat32Tensor(),
    ],
  });
  const options = { batchSize: 23, transform, seed: 1 };
  await expect(collect(options)).rejects.toThrow(/too large to transform.*\n {2}where: .*\.jpg/);
  const loader = new DataLoader(new ImageFolder({ root }), { ...options, onError: "skip" });
  for await (using batch of loader) expect(batch.images.shape).toEqual([batch.indices.length, 3, 16, 16]);
  const { images, skipped } = loader.stats();
  expect(Math.min(images, skipped)).toBeGreaterThan(0);
  expect(images + skipped).toBe(23);
});

test("an epoch resumed in the middle continues with the same batches", async () => {
  const options = { batchSize: 4, shuffle: true, transform: jersey(), seed: 7, numWorkers: 2 };
  const all = await collect(options, 1);
  expect(await collect(options, 1, 3)).toEqual(all.slice(3));
});

test("epochs and seeds differ", async () => {
  const options = { batchSize: 23, shuffle: true, transform: jersey() };
  const [first] = await collect({ ...options, seed: 1 }, 0);
  const [otherEpoch] = await collect({ ...options, seed: 1 }, 1);
  const [otherSeed] = await collect({ ...options, seed: 2 }, 0);
  expect(otherEpoch?.indices).not.toEqual(first?.indices);
  expect(otherSeed?.indices).not.toEqual(first?.indices);
});

test("normalizing and erasing the whole batch equals doing it per image", async () => {
  const transform = jersey();
  const loader = new DataLoader(new ImageFolder({ root }), { batchSize: 23, transform, seed: 5 });
  const [batch] = await collect({ batchSize: 23, transform, seed: 5 });
  for (const position of [0, 5, 11, 22]) {
    const { image } = await loader.dataset.get(position);
    const alone = await transform.run(image, { key: [5, 0, position, 0], path: "" });
    const length = 3 * 32 * 32;
    const together = batch?.pixels.slice(position * length, (position + 1) * length) ?? [];
    const expected = toChannelsFirst(alone);
    expect(together).toHaveLength(length);
    expect(Math.max(...Array.from(together, (value, i) => Math.abs(value - (expected[i] as number))))).toBeLessThan(
      2e-6,
    );
  }
});

test("images arrive as float32 in channels_last memory with int64 labels", async () => {
  const loader = new DataLoader(new ImageFolder({ root }), {
    batchSize: 8,
    transform: validationPipeline({ imageSize: 16 }),
  });
  for await (using batch of loader) {
    expect(batch.images.shape.slice(1)).toEqual([3, 16, 16]);
    expect(batch.images.dtype).toBe("float32");
    expect(batch.images.isContiguous("channels_last")).toBe(true);
    expect(batch.labels.dtype).toBe("int64");
  }
  expect(loader.stats()).toMatchObject({ batches: 3, images: 23 });
  expect(loader.length).toBe(3);
});

test("a broken image is an error that names the file, or is skipped and counted", async () => {
  const broken = join(root, "1", "broken.jpg");
  writeFileSync(broken, "not an image");
  try {
    const options = { batchSize: 5, transform: validationPipeline({ imageSize: 16 }), numWorkers: 1 };
    await expect(collect(options)).rejects.toThrow(/broken\.jpg cannot be decoded: it is not an image/);
    const loader = new DataLoader(new ImageFolder({ root }), { ...options, onError: "skip" });
    let images = 0;
    for await (using batch of loader) images += batch.indices.length;
    expect(images).toBe(23);
    expect(loader.stats().skipped).toBe(1);
    await loader.close();
  } finally {
    rmSync(broken);
  }
});

test("decoded images give their memory back as soon as they have been used", async () => {
  const loader = new DataLoader(new ImageFolder({ root }), {
    batchSize: 8,
    transform: validationPipeline({ imageSize: 16 }),
  });
  const epoch = async () => {
    for await (using _batch of loader);
  };
  await epoch();
  const before = reservedBytes();
  await epoch();
  await epoch();
  expect(before).toBeGreaterThan(0);
  expect(reservedBytes()).toBe(before);
  await loader.close();
});

test("images of different sizes in one batch are an error that says what to do", async () => {
  const transform = Compose({ transforms: [Resize({ size: 16 }), ToFloat32Tensor()] });
  await expect(collect({ batchSize: 8, transform })).rejects.toThrow(/became an image of .*\n.*CenterCrop/s);
});

test("a worker that dies is reported with its sample, and the loader can start again", async () => {
  const loader = new DataLoader(new ImageFolder({ root }), {
    batchSize: 4,
    numWorkers: 1,
    transform: {
      name: "Dies",
      options: {},
      spec: {
        transform: "Dies",
        module: new URL("../../../image/test/dying-transform.ts", import.meta.url).href,
        options: {},
      },
      run: (image) => image,
    } satisfies Transform,
  });
  const run = async () => {
    for await (using _batch of loader);
  };
  await expect(run()).rejects.toThrow(/a data worker died: exit code 3\n {2}where: at sample \d+, .*jpg/);
  await expect(run()).rejects.toThrow(/a data worker died/);
  await loader.close();
});

test("stopping early, aborting and closing end the iteration without leaving threads", async () => {
  const controller = new AbortController();
  const options = { batchSize: 2, transform: jersey(), numWorkers: 2, exactWorkers: true };
  const loader = new DataLoader(new ImageFolder({ root }), { ...options, signal: controller.signal });
  for await (using _batch of loader) break;
  let seen = 0;
  const run = async () => {
    for await (using _batch of loader) if (++seen === 3) controller.abort();
  };
  await expect(run()).rejects.toThrow(/abort/i);
  expect(seen).toBe(3);
  await loader.close();
});

test("a second iteration after an abandoned one gives whole batches", async () => {
  const loader = new DataLoader(new ImageFolder({ root }), {
    batchSize: 4,
    sampler: new SequentialSampler(23),
    transform: jersey(),
    numWorkers: 2,
    exactWorkers: true,
  });
  const expected: Plain[] = [];
  for await (const batch of loader) expected.push(plain(batch));
  for await (using _batch of loader) break;
  const again: Plain[] = [];
  for await (const batch of loader) again.push(plain(batch));
  expect(again).toEqual(expected);
  await loader.close();
});
