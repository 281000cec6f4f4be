import { Rng } from "@classifier-training/base";
import sharp from "sharp";
import { expect, test } from "vitest";
import { decodePlainJpeg } from "./plain-jpeg.ts";

function image(width: number, height: number, seed: number) {
  const rng = Rng.at(seed, "plain jpeg");
  const smooth = (i: number) => 128 + 80 * Math.sin(i / 53) + 30 * Math.cos(i / 7);
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => smooth(i) + rng.uniform(-15, 15));
  return sharp(data, { raw: { width, height, channels: 3 } });
}

async function reference(file: Buffer): Promise<Buffer> {
  return sharp(file).toColorspace("srgb").raw().toBuffer();
}

const sizes = [
  [1, 1],
  [3, 2],
  [5, 4],
  [16, 16],
  [17, 33],
  [61, 40],
  [200, 131],
] as const;

for (const chromaSubsampling of ["4:2:0", "4:4:4"]) {
  for (const optimizeCoding of [false, true]) {
    const coding = optimizeCoding ? "its own" : "standard";
    test(`${chromaSubsampling} files with ${coding} codes decode to libjpeg's pixels`, async () => {
      for (const [seed, [width, height]] of sizes.entries()) {
        for (const quality of [5, 60, 98]) {
          const file = await image(width, height, seed).jpeg({ quality, chromaSubsampling, optimizeCoding }).toBuffer();
          const made = decodePlainJpeg(file);
          expect([made?.width, made?.height]).toEqual([width, height]);
          expect(Buffer.from(made?.data ?? []).equals(await reference(file)), `${width}x${height} at ${quality}`).toBe(
            true,
          );
        }
      }
    });
  }
}

test("gray files decode to three equal channels", async () => {
  const file = await image(30, 21, 1).grayscale().jpeg().toBuffer();
  const gray = await sharp(file).raw().toBuffer();
  const made = decodePlainJpeg(file);
  expect(Array.from(made?.data ?? []).filter((_, i) => i % 3 === 1)).toEqual([
    ...gray.filter((_, i) => i % (gray.length / 630) === 0),
  ]);
});

test("other kinds of files are left to sharp", async () => {
  expect(decodePlainJpeg(await image(20, 20, 1).jpeg({ progressive: true }).toBuffer())).toBeUndefined();
  expect(decodePlainJpeg(await image(20, 20, 1).toColorspace("cmyk").jpeg().toBuffer())).toBeUndefined();
  expect(decodePlainJpeg(await image(20, 20, 1).png().toBuffer())).toBeUndefined();
});

test("damaged files are never decoded to something else than sharp makes of them", async () => {
  const file = await image(64, 48, 3).jpeg({ quality: 80 }).toBuffer();
  for (let cut = 0; cut < file.length; cut += 37)
    expect(decodePlainJpeg(file.subarray(0, cut)), `cut at ${cut}`).toBeUndefined();
  for (let i = 0; i < 300; i++) {
    const rng = Rng.at(i, "damage");
    const damaged = Buffer.from(file);
    for (let n = 1 + rng.integer(4); n > 0; n--) damaged[rng.integer(damaged.length)]! ^= 1 << rng.integer(8);
    const made = decodePlainJpeg(damaged);
    if (made === undefined) continue;
    const expected = await sharp(damaged, { failOn: "truncated" })
      .toColorspace("srgb")
      .raw()
      .toBuffer()
      .catch(() => undefined);
    if (expected) expect(Buffer.from(made.data).equals(expected), `damage ${i}`).toBe(true);
  }
});

test("a region decodes to the same pixels as the whole", async () => {
  for (const chromaSubsampling of ["4:2:0", "4:4:4"]) {
    const [width, height] = [203, 151];
    const file = await image(width, height, 9).jpeg({ chromaSubsampling }).toBuffer();
    const whole = decodePlainJpeg(file)?.data ?? new Uint8Array();
    for (let i = 0; i < 40; i++) {
      const rng = Rng.at(i, "region");
      const [left, top] = [rng.integer(width), rng.integer(height)];
      const box = { left, top, width: 1 + rng.integer(width - left), height: 1 + rng.integer(height - top) };
      const part = decodePlainJpeg(file, () => box)?.data ?? new Uint8Array();
      for (let y = top; y < top + box.height; y++) {
        const row = (data: Uint8Array) =>
          Buffer.from(data.slice((y * width + left) * 3, (y * width + left + box.width) * 3));
        expect(row(part).equals(row(whole)), `${chromaSubsampling} ${JSON.stringify(box)} row ${y}`).toBe(true);
      }
    }
  }
});
