import { readFile, stat } from "node:fs/promises";
import { CtError, importModule, readRegularFile } from "@classifier-training/base";
import type { RgbPixels, SizeCheck } from "../codecs/reader.ts";
import { cmykOf, isTiff } from "../codecs/tags.ts";
import { ImageError } from "../errors.ts";
import type { ByteImage } from "../image.ts";
import type { Platform } from "./platform.ts";
import { largestPlainJpeg, loadSharp, type Sharp } from "./sharp.ts";

async function decode(bytes: Uint8Array, name: string, maxPixels: number, allow: SizeCheck): Promise<RgbPixels> {
  const sharp = await loadSharp(`${name} cannot be decoded`);
  try {
    return await decodeBySharp(sharp, bytes, maxPixels);
  } catch (error) {
    if (error instanceof Error && /pixel limit/i.test(error.message)) {
      const { width = 0, height = 0 } = await sharp(bytes, { limitInputPixels: false }).metadata();
      allow(width, height);
    }
    throw error;
  }
}

async function decodeBySharp(sharp: Sharp, bytes: Uint8Array, maxPixels: number): Promise<RgbPixels> {
  const cmyk = cmykOf(bytes);
  const input = sharp(bytes, {
    limitInputPixels: maxPixels,
    // Pillow tolerates damaged JPEG data, and libtiff reports it as an error where it would leave the rest black.
    failOn: isTiff(bytes) ? "error" : "truncated",
    sequentialRead: true,
    pages: 1,
    ignoreIcc: true,
  });
  const pipeline = cmyk
    ? input.pipelineColorspace("cmyk").toColorspace("cmyk")
    : input.toColorspace("srgb").removeAlpha();
  const { data, info } = await pipeline.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
  if (cmyk === undefined) return toRgb(data, info.width, info.height, info.channels);
  return fromInks(data, info.width, info.height, info.channels, cmyk.inverted);
}

/** Pillow's conversion of CMYK (Convert.c, cmyk2rgb). */
function fromInks(data: Uint8Array, width: number, height: number, channels: number, inverted: boolean): RgbPixels {
  const out = new Uint8Array(width * height * 3);
  const flip = inverted ? 255 : 0;
  for (let i = 0, from = 0; i < out.length; i += 3, from += channels) {
    const white = 255 - ((data[from + 3] as number) ^ flip);
    for (let c = 0; c < 3; c++) {
      const product = ((data[from + c] as number) ^ flip) * white + 128;
      out[i + c] = Math.max(0, white - (((product >> 8) + product) >> 8));
    }
  }
  return { width, height, data: out };
}

function toRgb(data: Uint8Array, width: number, height: number, channels: number): RgbPixels {
  if (channels === 3) return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  const out = new Uint8Array(width * height * 3);
  // One gray channel, possibly with alpha: the first of them, three times.
  for (let i = 0, from = 0, to = 0; i < width * height; i++, from += channels, to += 3) {
    out[to] = out[to + 1] = out[to + 2] = data[from] as number;
  }
  return { width, height, data: out };
}

async function encode(image: ByteImage, format: "png" | "jpeg", quality: number): Promise<Uint8Array> {
  const { width, height, data } = image;
  const sharp = await loadSharp(`a ${format.toUpperCase()} file cannot be made`);
  const pixels = sharp(data, { raw: { width, height, channels: image.channels as 1 | 3 } });
  if (format === "png") return pixels.png().toBuffer();
  return pixels.jpeg({ quality, chromaSubsampling: "4:2:0", optimizeCoding: false, mozjpeg: false }).toBuffer();
}

/** Milliseconds that a file takes to read, a moving average. */
let usualMs = 0;
const slowMs = 1;
const maxFileBytes = 2 ** 30;

/**
 * From memory and fast disks a file is read at once, which costs a fraction of four trips to the thread pool; where
 * reading is slow, it overlaps with the work on other samples.
 */
async function readWhole(path: string): Promise<Uint8Array> {
  if (usualMs > slowMs) {
    // Faster storage, or a machine less busy, is noticed after a while.
    usualMs *= 0.999;
    // A pipe would keep a thread of the pool waiting for ever.
    return (await stat(path)).isFile() ? readFile(path) : readRegularFile(path, maxFileBytes);
  }
  const started = performance.now();
  const bytes = readRegularFile(path, maxFileBytes);
  usualMs += (Math.min(performance.now() - started, 20 * slowMs) - usualMs) / 32;
  return bytes;
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readWhole(path);
  } catch (error) {
    const { code } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
    const why =
      code === "ENOENT"
        ? "does not exist"
        : CtError.is(error) && error.cause === undefined
          ? `cannot be read: ${error.problem.what}`
          : `cannot be read (${code})`;
    throw new ImageError({ code: "image/missing", what: `the image ${path} ${why}`, cause: error });
  }
}

export const platform: Platform = { largestPlainJpeg, decode, encode, readBytes, importModule };
