import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { Rng } from "@classifier-training/base";
import { afterEach, expect, test } from "vitest";
import { occupyPool } from "../../test/occupy-pool.ts";
import * as F from "../functional/index.ts";
import { type ByteImage, byteImage } from "../image.ts";
import { recycle, takeBytes } from "./buffers.ts";
import { memory } from "./heap.ts";
import { setKernels } from "./instance.ts";
import { sourceHash } from "./module.generated.ts";

afterEach(() => setKernels(true));

function picture(width: number, height: number, seed: number): ByteImage {
  const rng = Rng.at(seed, "picture");
  const at = (i: number) => 128 + 90 * Math.sin(i / 37) + rng.uniform(-38, 38);
  return byteImage(
    Uint8Array.from({ length: width * height * 3 }, (_, i) => at(i)),
    width,
    height,
  );
}

/** What the kernels make against what TypeScript makes. */
function compare(run: (image: ByteImage) => F.Image, image: ByteImage) {
  const fast = run(image);
  setKernels(false);
  const plain = run(image);
  setKernels(true);
  expect([fast.width, fast.height, fast.data.length]).toEqual([plain.width, plain.height, plain.data.length]);
  let worst = 0;
  let apart = 0;
  for (let i = 0; i < plain.data.length; i++) {
    const difference = Math.abs((fast.data[i] as number) - (plain.data[i] as number));
    worst = Math.max(worst, difference);
    if (difference > 0) apart++;
  }
  return { worst, share: apart / plain.data.length };
}

const sizes = [
  [64, 48],
  [37, 53],
  [1, 1],
  [2, 3],
  [17, 1],
  [5, 90],
] as const;

const operations: Record<string, { run: (image: ByteImage) => F.Image; worst: number; share: number }> = {
  enlarging: { run: (image) => F.resize(image, 101, 67), worst: 1, share: 0.05 },
  shrinking: { run: (image) => F.resize(image, 9, 7), worst: 1, share: 0.05 },
  "bicubic resizing": { run: (image) => F.resize(image, 31, 45, { interpolation: "bicubic" }), worst: 2, share: 0.05 },
  "a window of a resize": {
    run: (image) => F.resize(image, 80, 90, { window: { left: 7, top: 11, width: 33, height: 21 } }),
    worst: 1,
    share: 0.05,
  },
  "nearest resizing": { run: (image) => F.resize(image, 23, 71, { interpolation: "nearest" }), worst: 0, share: 0 },
  flipping: { run: F.horizontalFlip as never, worst: 0, share: 0 },
  "nearest affine": {
    run: (image) => F.affine(image, { angle: 17, translate: [2, -1], scale: 0.9, shear: [8, 0] }, { fill: [9, 8, 7] }),
    worst: 0,
    share: 0,
  },
  "bilinear affine": {
    run: (image) =>
      F.affine(image, { angle: 17, translate: [2, -1], scale: 0.9, shear: [8, 0] }, { interpolation: "bilinear" }),
    worst: 1,
    share: 0.06,
  },
  perspective: {
    run: (image) =>
      F.perspective(
        image,
        [
          [0, 0],
          [image.width, 0],
          [image.width, image.height],
          [0, image.height],
        ],
        [
          [1, 0.5],
          [image.width - 0.7, 0],
          [image.width, image.height - 0.2],
          [0, image.height - 0.4],
        ],
      ),
    worst: 1,
    share: 0.06,
  },
  brightness: { run: (image) => F.adjustBrightness(image, 1.3), worst: 0, share: 0 },
  contrast: { run: (image) => F.adjustContrast(image, 0.7), worst: 0, share: 0 },
  saturation: {
    run: (image) => F.jitterColors(image, { order: [2], saturation: 1.4 }),
    worst: 1,
    share: 0.001,
  },
  hue: { run: (image) => F.adjustHue(image, 0.13), worst: 1, share: 0.02 },
  blur: { run: (image) => F.gaussianBlur(image, [7, 5], [1.7, 0.9]), worst: 1, share: 0.03 },
  noise: { run: (image) => F.addGaussianNoise(image, 21, Rng.at(5)), worst: 0, share: 0 },
  "a jpeg round trip": { run: (image) => F.jpegRoundTrip(image, 30), worst: 0, share: 0 },
  "a coarse jpeg round trip": { run: (image) => F.jpegRoundTrip(image, 5), worst: 0, share: 0 },
};

for (const [name, { run, worst, share }] of Object.entries(operations)) {
  test(`${name} is the same with and without WebAssembly`, () => {
    for (const [i, [width, height]] of sizes.entries()) {
      const found = compare(run, picture(width, height, i));
      expect(found.worst, `${width}x${height}`).toBeLessThanOrEqual(worst);
      if (width * height > 500) expect(found.share, `${width}x${height}`).toBeLessThanOrEqual(share);
    }
  });
}

test.each(Object.entries(operations))("%s gives the same bits when the pool has no room", (_, { run }) => {
  const image = picture(611, 407, 1);
  const expected = Uint8Array.from(run(image).data);
  const giveBack = occupyPool();
  try {
    expect(takeBytes(1000).buffer).not.toBe(memory.buffer);
    expect(Uint8Array.from(run(image).data)).toEqual(expected);
  } finally {
    giveBack();
  }
});

test("images larger than the pool are worked on by the same kernels", () => {
  const tile = picture(2048, 2, 3);
  const rows = 4000;
  const data = new Uint8Array(tile.data.length * rows);
  for (let i = 0; i < rows; i++) data.set(tile.data, i * tile.data.length);
  const made = F.adjustSaturation(byteImage(data, 2048, 2 * rows), 1.4);
  const expected = F.adjustSaturation(tile, 1.4).data;
  for (const row of [0, 1777, rows - 1]) {
    expect(made.data.subarray(row * expected.length, (row + 1) * expected.length)).toEqual(expected);
  }
});

test("the compiled kernels are those of the C sources beside them", () => {
  const folder = new URL("../../kernels/", import.meta.url);
  const hash = createHash("sha256");
  for (const name of readdirSync(folder)
    .filter((file) => /\.[ch]$/.test(file))
    .sort()) {
    hash.update(name).update(readFileSync(new URL(name, folder)));
  }
  expect(sourceHash, "run: npm run kernels -w packages/image").toBe(hash.digest("hex"));
});

test("buffers are used again, and never shared while in use", () => {
  const first = takeBytes(5000);
  const second = takeBytes(5000);
  expect(first.byteOffset).not.toBe(second.byteOffset);
  const { byteOffset } = first;
  recycle(first);
  recycle(first);
  const third = takeBytes(4990);
  const fourth = takeBytes(5000);
  expect(third.byteOffset).toBe(byteOffset);
  expect(fourth.byteOffset).not.toBe(byteOffset);
  expect(third.buffer).toBe(memory.buffer);
});
