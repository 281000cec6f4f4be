import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { Rng } from "@classifier-training/base";
import { expect, test } from "vitest";
import { occupyPool } from "../../test/occupy-pool.ts";
import * as blurOracle from "../../test/oracle/blur.ts";
import * as colorOracle from "../../test/oracle/color.ts";
import { jpegRoundTrip } from "../../test/oracle/jpeg.ts";
import { addGaussianNoise } from "../../test/oracle/noise.ts";
import { resampleBytes } from "../../test/oracle/resample.ts";
import { affineNearest, bilinear } from "../../test/oracle/warp.ts";
import { nearestPositions, type ResampleFilter, resampleCoefficients } from "../functional/coefficients.ts";
import { brightnessTable, contrastTable, grayOf } from "../functional/color.ts";
import { inverseAffineMatrix, perspectiveCoefficients } from "../functional/geometry.ts";
import * as F from "../functional/index.ts";
import type { Box } from "../functional/resample.ts";
import { type ByteImage, byteImage } from "../image.ts";
import { recycle, takeBytes } from "./buffers.ts";
import { memory } from "./heap.ts";
import { sourceHash } from "./module.generated.ts";

function sample(width: number, height: number, seed: number): ByteImage {
  const rng = Rng.at(seed, "image");
  const at = (i: number) => 128 + 90 * Math.sin(i / 37) + rng.uniform(-38, 38);
  return byteImage(
    Uint8Array.from({ length: width * height * 3 }, (_, i) => at(i)),
    width,
    height,
  );
}

const sizes = [
  [64, 48],
  [37, 53],
  [1, 1],
  [2, 3],
  [17, 1],
  [5, 90],
] as const;

/** An operation, what it is in plain TypeScript, and how far apart the two may be. */
interface Operation {
  readonly run: (image: ByteImage) => F.Image;
  readonly oracle: (image: ByteImage) => Uint8Array;
  readonly worst: number;
  readonly fraction: number;
}

function resized(image: ByteImage, width: number, height: number, filter: ResampleFilter, part?: Box): Uint8Array {
  const whole = { left: 0, top: 0, width: image.width, height: image.height };
  const source = { data: image.data, stride: image.width, channels: image.channels, box: whole };
  const along = (from: number, to: number) => (from === to ? undefined : resampleCoefficients(from, to, filter));
  const window = part ?? { left: 0, top: 0, width, height };
  return resampleBytes(source, along(image.width, width), along(image.height, height), window);
}

function pixels(image: ByteImage, width: number, height: number, at: (x: number, y: number) => [number, number]) {
  const out = new Uint8Array(width * height * 3);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const [column, row] = at(x, y);
      const from = (row * image.width + column) * 3;
      out.set(image.data.subarray(from, from + 3), to);
    }
  }
  return out;
}

const turn = { angle: 17, translate: [2, -1], scale: 0.9, shear: [8, 0] } as const;
const turnMatrix = ({ width, height }: ByteImage) => inverseAffineMatrix([width * 0.5, height * 0.5], turn);
const corners = ({ width, height }: ByteImage): [F.Points, F.Points] => [
  [
    [0, 0],
    [width, 0],
    [width, height],
    [0, height],
  ],
  [
    [1, 0.5],
    [width - 0.7, 0],
    [width, height - 0.2],
    [0, height - 0.4],
  ],
];
const warped = (image: ByteImage, matrix: readonly number[]) => {
  const out = new Uint8Array(image.data.length);
  bilinear(image, matrix, out, image.width, image.height);
  return out;
};
const meanGray = ({ data, width, height }: ByteImage) => {
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) sum += grayOf(data[i]!, data[i + 1]!, data[i + 2]!);
  return Math.trunc(sum / (width * height) + 0.5);
};
const window = { left: 7, top: 11, width: 33, height: 21 };

const operations: Record<string, Operation> = {
  enlarging: {
    run: (image) => F.resize(image, 101, 67),
    oracle: (image) => resized(image, 101, 67, "bilinear"),
    worst: 1,
    fraction: 0.05,
  },
  shrinking: {
    run: (image) => F.resize(image, 9, 7),
    oracle: (image) => resized(image, 9, 7, "bilinear"),
    worst: 1,
    fraction: 0.05,
  },
  "bicubic resizing": {
    run: (image) => F.resize(image, 31, 45, { interpolation: "bicubic" }),
    oracle: (image) => resized(image, 31, 45, "bicubic"),
    worst: 2,
    fraction: 0.05,
  },
  "a window of a resize": {
    run: (image) => F.resize(image, 80, 90, { window }),
    oracle: (image) => resized(image, 80, 90, "bilinear", window),
    worst: 1,
    fraction: 0.05,
  },
  "nearest resizing": {
    run: (image) => F.resize(image, 23, 71, { interpolation: "nearest" }),
    oracle(image) {
      const [xs, ys] = [nearestPositions(image.width, 23, "pil"), nearestPositions(image.height, 71, "pil")];
      return pixels(image, 23, 71, (x, y) => [xs[x] as number, ys[y] as number]);
    },
    worst: 0,
    fraction: 0,
  },
  flipping: {
    run: F.horizontalFlip,
    oracle: (image) => pixels(image, image.width, image.height, (x, y) => [image.width - 1 - x, y]),
    worst: 0,
    fraction: 0,
  },
  "nearest affine": {
    run: (image) => F.affine(image, turn, { fill: [9, 8, 7] }),
    oracle(image) {
      const out = Uint8Array.from(image.data, (_, i) => 9 - (i % 3));
      affineNearest(image, turnMatrix(image), out, image.width, image.height);
      return out;
    },
    worst: 0,
    fraction: 0,
  },
  "bilinear affine": {
    run: (image) => F.affine(image, turn, { interpolation: "bilinear" }),
    oracle: (image) => warped(image, turnMatrix(image)),
    worst: 1,
    fraction: 0.06,
  },
  perspective: {
    run: (image) => F.perspective(image, ...corners(image)),
    oracle: (image) => warped(image, perspectiveCoefficients(...corners(image))),
    worst: 1,
    fraction: 0.06,
  },
  brightness: {
    run: (image) => F.adjustBrightness(image, 1.3),
    oracle: ({ data }) => colorOracle.lookUp(data, brightnessTable(1.3)),
    worst: 0,
    fraction: 0,
  },
  contrast: {
    run: (image) => F.adjustContrast(image, 0.7),
    oracle: (image) => colorOracle.lookUp(image.data, contrastTable(meanGray(image), 0.7)),
    worst: 0,
    fraction: 0,
  },
  posterizing: {
    run: (image) => F.posterize(image, 3),
    oracle: ({ data }) => data.map((value) => value & 0xe0),
    worst: 0,
    fraction: 0,
  },
  saturation: {
    run: (image) => F.adjustSaturation(image, 1.4),
    oracle: ({ data }) => colorOracle.saturate(data, 1.4),
    worst: 1,
    fraction: 0.001,
  },
  hue: {
    run: (image) => F.adjustHue(image, 0.13),
    oracle: ({ data }) => colorOracle.turnHue(data, Math.trunc(0.13 * 255)),
    worst: 2,
    fraction: 0.02,
  },
  blur: {
    run: (image) => F.gaussianBlur(image, [7, 5], [1.7, 0.9]),
    oracle: (image) => blurOracle.gaussianBlur(image, [7, 5], [1.7, 0.9]),
    worst: 1,
    fraction: 0.03,
  },
  noise: {
    run: (image) => F.addGaussianNoise(image, 21, Rng.at(5)),
    oracle: (image) => addGaussianNoise(image, 21, Rng.at(5)),
    worst: 0,
    fraction: 0,
  },
  "a jpeg round trip": {
    run: (image) => F.jpegRoundTrip(image, 30),
    oracle: (image) => jpegRoundTrip(image, 30),
    worst: 0,
    fraction: 0,
  },
  "a coarse jpeg round trip": {
    run: (image) => F.jpegRoundTrip(image, 5),
    oracle: (image) => jpegRoundTrip(image, 5),
    worst: 0,
    fraction: 0,
  },
};

test.each(Object.entries(operations))("%s is what plain TypeScript makes", (_, { run, oracle, worst, fraction }) => {
  for (const [seed, [width, height]] of sizes.entries()) {
    const image = sample(width, height, seed);
    const [made, expected] = [run(image).data, oracle(image)];
    expect(made).toHaveLength(expected.length);
    const differences = expected.map((value, i) => Math.abs(value - (made[i] as number)));
    expect(
      differences.reduce((a, b) => Math.max(a, b)),
      `${width}x${height}`,
    ).toBeLessThanOrEqual(worst);
    const apart = differences.filter((difference) => difference > 0).length / expected.length;
    if (width * height > 500) expect(apart, `${width}x${height}`).toBeLessThanOrEqual(fraction);
  }
});

const channelwise: Record<string, (image: ByteImage) => F.Image> = {
  resizing: (image) => F.resize(image, 23, 41),
  "bilinear affine": (image) => F.affine(image, turn, { interpolation: "bilinear", fill: 7 }),
  "nearest affine": (image) => F.affine(image, turn, { fill: 7 }),
  blur: (image) => F.gaussianBlur(image, [7, 5], [1.7, 0.9]),
};

test.each(Object.entries(channelwise))("%s makes the same of a channel in an image of 1, 3 or 4 channels", (_, run) => {
  const image = sample(61, 35, 2);
  const expected = run(image);
  for (const channels of [1, 4]) {
    const data = new Uint8Array(61 * 35 * channels);
    for (let i = 0; i < data.length; i++) data[i] = image.data[Math.floor(i / channels) * 3 + ((i % channels) % 3)]!;
    const made = run(byteImage(data, 61, 35, { channels }));
    for (let c = 0; c < channels; c++) {
      const channel = (of: F.Image, at: number) => of.data.filter((_value, i) => i % of.channels === at);
      expect(channel(made, c)).toEqual(channel(expected, c % 3));
    }
  }
});

test("nearest warps of images beyond 16-bit positions read the pixels that the matrix says", () => {
  const width = 40_000;
  const data = new Uint8Array(width * 3);
  data.set([5, 6, 7], 39_000 * 3);
  const made = F.affine(byteImage(data, width, 1), { angle: 0, translate: [-500, 0], scale: 1, shear: [0, 0] });
  expect([...made.data.subarray(38_500 * 3, 38_501 * 3)]).toEqual([5, 6, 7]);
  expect(Uint8Array.from(made.data).reduce((sum, value) => sum + value, 0)).toBe(18);
});

test.each(Object.entries(operations))("%s gives the same bits when the pool has no room", (_, { run }) => {
  const image = sample(611, 407, 1);
  const expected = Uint8Array.from(run(image).data);
  const giveBack = occupyPool();
  try {
    expect(takeBytes(1000).buffer).not.toBe(memory.buffer);
    expect(Buffer.from(run(image).data).equals(expected)).toBe(true);
  } finally {
    giveBack();
  }
});

test("images larger than the pool are worked on by the same kernels", () => {
  const tile = sample(2048, 2, 3);
  const rows = 4000;
  const data = new Uint8Array(tile.data.length * rows);
  for (let i = 0; i < rows; i++) data.set(tile.data, i * tile.data.length);
  const made = F.adjustSaturation(byteImage(data, 2048, 2 * rows), 1.4);
  const expected = F.adjustSaturation(tile, 1.4).data;
  for (const row of [0, 1777, rows - 1]) {
    expect(made.data.subarray(row * expected.length, (row + 1) * expected.length)).toEqual(expected);
  }
});

test("what no memory has room for is refused with its size and a way out, and small images are transformed as before", () => {
  const image = sample(30, 20, 4);
  const before = Uint8Array.from(F.resize(image, 9, 7).data);
  expect(() => F.resize(image, 60_000, 30_000)).toThrow(
    /needs [\d,]+ MiB, which cannot be allocated.*\n {2}fix: .*data\.max_pixels and set data\.on_error=skip/,
  );
  expect(F.resize(image, 9, 7).data).toEqual(before);
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
