import sharp from "sharp";
import { expect, test } from "vitest";
import { decodeImage } from "./decode.ts";

const u16 = (...values: number[]) => values.flatMap((value) => [value & 255, (value >> 8) & 255]);
const u32 = (...values: number[]) => values.flatMap((value) => [...u16(value), ...u16(value >>> 16)]);
const text = (value: string) => [...Buffer.from(value)];

async function rgb(bytes: readonly number[] | Uint8Array, options = {}): Promise<string> {
  const { width, height, data } = await decodeImage(Uint8Array.from(bytes), { name: "file", ...options });
  const pixels = Array.from({ length: width * height }, (_, i) =>
    Buffer.from(data.subarray(3 * i, 3 * i + 3)).toString("hex"),
  );
  return Array.from({ length: height }, (_, y) => pixels.slice(y * width, (y + 1) * width).join(" ")).join(" / ");
}

interface Bmp {
  readonly bits: number;
  readonly pixels: readonly number[];
  readonly height?: number;
  readonly compression?: number;
  readonly palette?: readonly number[];
  readonly masks?: readonly number[];
  readonly size?: number;
}

/** A bitmap of 3x2 pixels; the first row is the lower one. */
function bmp({ bits, pixels, height = 2, compression = 0, palette = [], masks = [], size = 40 }: Bmp): number[] {
  const entry = size === 12 ? 3 : 4;
  const header =
    size === 12
      ? [...u32(12), ...u16(3, height, 1, bits)]
      : [...u32(size, 3, height), ...u16(1, bits), ...u32(compression, 0, 0, 0, palette.length / entry, 0)];
  const own = [...header, ...u32(...masks), ...palette];
  const body =
    size > 40
      ? [...header, ...u32(...masks), ...new Array<number>(size - 40 - 4 * masks.length).fill(0), ...palette]
      : own;
  return [...text("BM"), ...u32(14 + body.length + pixels.length, 0, 14 + body.length), ...body, ...pixels];
}

const four = [0, 0, 0, 0, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0];
const indexed = "000000 ff0000 00ff00 / 0000ff 00ff00 ff0000";
const full = "000000 ff0000 00ff00 / 0000ff 00ff00 ff0000";
const bgr = (row: string) => row.split(" ").flatMap((color) => [...Buffer.from(color, "hex")].reverse());
const [upper, lower] = full.split(" / ") as [string, string];

test.each<[string, Bmp, string]>([
  [
    "1 bit",
    { bits: 1, palette: [0, 0, 255, 0, 255, 0, 0, 0], pixels: [0b10100000, 0, 0, 0, 0b01000000, 0, 0, 0] },
    "ff0000 0000ff ff0000 / 0000ff ff0000 0000ff",
  ],
  ["4 bits", { bits: 4, palette: four, pixels: [0x32, 0x10, 0, 0, 0x01, 0x20, 0, 0] }, indexed],
  ["8 bits", { bits: 8, palette: four, pixels: [3, 2, 1, 0, 0, 1, 2, 0] }, indexed],
  [
    "8 bits of OS/2",
    { bits: 8, size: 12, palette: [0, 0, 0, 0, 0, 255, 0, 255, 0, 255, 0, 0], pixels: [3, 2, 1, 0, 0, 1, 2, 0] },
    indexed,
  ],
  ["16 bits", { bits: 16, pixels: [...u16(31, 31 << 5, 31 << 10, 0), ...u16(0, 31 << 10, 31 << 5, 0)] }, full],
  [
    "16 bits of fields",
    {
      bits: 16,
      compression: 3,
      masks: [0xf800, 0x7e0, 0x1f],
      pixels: [...u16(31, 63 << 5, 31 << 11, 0), ...u16(0, 31 << 11, 63 << 5, 0)],
    },
    full,
  ],
  ["24 bits", { bits: 24, pixels: [...bgr(lower), 0, 0, 0, ...bgr(upper), 0, 0, 0] }, full],
  [
    "24 bits from the top down",
    { bits: 24, height: -2, pixels: [...bgr(upper), 0, 0, 0, ...bgr(lower), 0, 0, 0] },
    full,
  ],
  [
    "32 bits",
    { bits: 32, pixels: [lower, upper].flatMap((row) => row.split(" ").flatMap((c) => [...bgr(c), 9])) },
    full,
  ],
  [
    "32 bits of fields with alpha",
    {
      bits: 32,
      compression: 3,
      size: 124,
      masks: [0xff, 0xff00, 0xff0000, 0xff000000],
      pixels: [lower, upper].flatMap((row) => row.split(" ").flatMap((c) => [...Buffer.from(c, "hex"), 9])),
    },
    full,
  ],
  [
    "RLE8",
    {
      bits: 8,
      compression: 1,
      palette: four,
      pixels: [1, 3, 0, 2, 0, 0, 2, 1, 0, 0, 0, 3, 0, 1, 2, 0, 0, 1]
        .slice(0, 2)
        .concat([1, 2, 1, 1, 0, 0, 0, 3, 0, 1, 2, 0, 0, 1]),
    },
    indexed,
  ],
  [
    "RLE8 with a jump and an early end",
    { bits: 8, compression: 1, palette: four, pixels: [0, 2, 1, 1, 1, 2, 0, 1] },
    "000000 00ff00 000000 / 000000 000000 000000",
  ],
  [
    "RLE4",
    { bits: 4, compression: 2, palette: four, pixels: [0, 3, 0x32, 0x10, 0, 0, 2, 0x01, 1, 0x20, 0, 1] },
    indexed,
  ],
])("a BMP of %s", async (_, given, expected) => {
  expect(await rgb(bmp(given))).toBe(expected);
  if (given.compression !== 1)
    await expect(rgb(bmp(given).slice(0, -5))).rejects.toThrow("file cannot be decoded: the file is cut off");
});

test.each([
  [
    "P1 with comments and without spaces",
    text("P1 # made by hand\n3 2\n#\n101 0\n1 0"),
    "000000 ffffff 000000 / ffffff 000000 ffffff",
  ],
  ["P2", text("P2\n2 1\n15\n0 15\n"), "000000 ffffff"],
  ["P3", text("P3 1 2 255 1 2 3 # c\n255 0 16\n"), "010203 / ff0010"],
  ["P4", [...text("P4\n3 2\n"), 0b10100000, 0b01000000], "000000 ffffff 000000 / ffffff 000000 ffffff"],
  ["P5", [...text("P5\n#x\n2 1\n# y\n255\n"), 7, 35], "070707 232323"],
  ["P5 of 16 bits", [...text("P5 2 1 65535\n"), 255, 255, 128, 0], "ffffff 808080"],
  ["P6", [...text("P6 2 1 255\n"), 1, 2, 3, 4, 5, 6], "010203 040506"],
  ["P6 up to 100", [...text("P6 1 1 100\n"), 100, 50, 0], "ff8000"],
  ["P6 of 16 bits", [...text("P6 1 1 1023\n"), 3, 255, 1, 255, 0, 0], "ff7f00"],
])("Netpbm %s", async (_, bytes, expected) => {
  expect(await rgb(bytes)).toBe(expected);
});

test.each([
  ["P6\n2 1\n255\n12345", "the file is cut off"],
  ["P2 2 1 15 3 16", "a value is 16, and the largest should be 15"],
  ["P5 x 1 255 1", "its width is not a number"],
  ["P5 0 1 255 1", "it has no pixels"],
])("%j is refused: %s", async (file, why) => {
  await expect(rgb(text(file))).rejects.toThrow(`file cannot be decoded: ${why}`);
});

test("transparent GIF pixels keep the color of the palette, where the frame ends too", async () => {
  // A screen of 2x2, a frame of 2x1 with the indices 1 (transparent) and 0; LZW codes 4 1 0 5 of 3 bits.
  const head = [...text("GIF89a"), ...u16(2, 2), 0x80, 0, 0, 10, 20, 30, 200, 100, 50];
  const control = [0x21, 0xf9, 4, 1, 0, 0, 1, 0];
  const frame = [0x2c, ...u16(0, 0, 2, 1), 0, 2, 2, 0b00001100, 0b00001010, 0, 0x3b];
  expect(await rgb([...head, ...control, ...frame])).toBe("c86432 0a141e / c86432 c86432");
  expect(await rgb([...head, ...frame])).toBe("c86432 0a141e / 0a141e 0a141e");
  const data = Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => (((i * 37) >> 4) % 4) * 80);
  const made = await sharp(data, { raw: { width: 40, height: 30, channels: 3 } })
    .gif({ dither: 0, interlace: true } as never)
    .toBuffer();
  const expected = await sharp(made).removeAlpha().toColorspace("srgb").raw().toBuffer();
  expect(Buffer.from((await decodeImage(made)).data).equals(expected)).toBe(true);
  await expect(rgb(made.subarray(0, made.length - 100))).rejects.toThrow("the file is cut off");
});

/** An uncompressed little-endian TIFF of 2x1 pixels. */
function tiff(photometric: number, samples: readonly number[], orientation?: number): number[] {
  const perPixel = samples.length / 2;
  const tags = [
    [256, 3, 1, 2],
    [257, 3, 1, 1],
    [258, 3, perPixel, 8],
    [262, 3, 1, photometric],
    [273, 4, 1, 8],
    ...(orientation === undefined ? [] : [[274, 3, 1, orientation]]),
    [277, 3, 1, perPixel],
    [278, 3, 1, 1],
    [279, 4, 1, samples.length],
  ] as [number, number, number, number][];
  const directory = 8 + samples.length;
  const bits = directory + 2 + 12 * tags.length + 4;
  const entry = ([tag, type, count, value]: [number, number, number, number]) => [
    ...u16(tag, type),
    ...u32(count, count > 2 ? bits : value),
  ];
  const tail = new Array<number>(perPixel).fill(8).flatMap((value) => u16(value));
  return [
    ...text("II*\0"),
    ...u32(directory),
    ...samples,
    ...u16(tags.length),
    ...tags.flatMap(entry),
    ...u32(0),
    ...tail,
  ];
}

test("CMYK becomes RGB by Pillow's arithmetic", async () => {
  expect(await rgb(tiff(5, [0, 0, 0, 0, 255, 128, 10, 40]))).toBe("ffffff 006bcf");
});

test("the orientation of a TIFF is applied, and that of a JPEG, PNG or WebP with exifOrientation", async () => {
  expect(await rgb(tiff(2, [1, 2, 3, 4, 5, 6], 1))).toBe("010203 040506");
  expect(await rgb(tiff(2, [1, 2, 3, 4, 5, 6], 3))).toBe("040506 010203");
  expect(await rgb(tiff(2, [1, 2, 3, 4, 5, 6], 6))).toBe("010203 / 040506");
  for (const format of ["jpeg", "png", "webp"] as const) {
    for (const orientation of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const pixels = Uint8Array.from({ length: 40 * 24 * 3 }, (_, i) => (i * 7) % 250);
      const file = await sharp(pixels, { raw: { width: 40, height: 24, channels: 3 } })
        .withMetadata({ orientation })
        [format]()
        .toBuffer();
      const stored = await decodeImage(file);
      expect([stored.width, stored.height]).toEqual([40, 24]);
      const { data, info } = await sharp(file).autoOrient().removeAlpha().raw().toBuffer({ resolveWithObject: true });
      const turned = await decodeImage(file, { exifOrientation: true });
      expect([turned.width, turned.height]).toEqual([info.width, info.height]);
      expect(Buffer.from(turned.data).equals(data), `${format} ${orientation}`).toBe(true);
    }
  }
});

test("a damaged TIFF is refused, not black", async () => {
  const pixels = Uint8Array.from({ length: 64 * 48 * 3 }, (_, i) => (i * 7 + ((i * i) >> 3)) & 255);
  for (const compression of ["lzw", "deflate", "jpeg"] as const) {
    const file = await sharp(pixels, { raw: { width: 64, height: 48, channels: 3 } })
      .tiff({ compression })
      .toBuffer();
    await decodeImage(file);
    for (let i = 200; i < 600; i++) file[i] = (i * 97) & 255;
    await expect(decodeImage(file, { name: "x.tif" }), compression).rejects.toThrow("x.tif cannot be decoded: ");
  }
});

test.each([
  [
    "PNG",
    async () =>
      sharp({ create: { width: 30, height: 20, channels: 3, background: "red" } })
        .png()
        .toBuffer(),
  ],
  [
    "JPEG",
    async () =>
      sharp({ create: { width: 30, height: 20, channels: 3, background: "red" } })
        .jpeg()
        .toBuffer(),
  ],
  ["BMP", async () => Uint8Array.from(bmp({ bits: 24, pixels: new Array<number>(24).fill(1) }))],
  [
    "GIF",
    async () =>
      sharp({ create: { width: 30, height: 20, channels: 3, background: "red" } })
        .gif()
        .toBuffer(),
  ],
  ["PPM", async () => Buffer.from("P6 100000 100000 255\n")],
])("a %s with more pixels than max_pixels is refused with both numbers", async (_, make) => {
  await expect(decodeImage(await make(), { maxPixels: 5, name: "x" })).rejects.toThrow(
    /x cannot be decoded: it has too many pixels: expected at most max_pixels=5, received \d+x\d+\n.*max_pixels/,
  );
});
