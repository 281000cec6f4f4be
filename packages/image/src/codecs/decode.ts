import { readFile, stat } from "node:fs/promises";
import { CtError, readRegularFile } from "@classifier-training/base";
import sharp from "sharp";
import { ImageError } from "../errors.ts";
import { upright } from "../functional/orientation.ts";
import { type ByteImage, byteImage } from "../image.ts";
import { recycle } from "../kernels/buffers.ts";
import { decodeBmp } from "./bmp.ts";
import { decodeGif } from "./gif.ts";
import { decodePlainJpeg, type RegionOf } from "./plain-jpeg.ts";
import { decodePnm } from "./pnm.ts";
import type { RgbPixels } from "./reader.ts";
import { cmykOf, exifOrientation, isTiff } from "./tags.ts";

// One thread per image: parallelism comes from the workers, and a rival thread pool would starve the training step.
sharp.concurrency(1);
sharp.cache(false);

export interface DecodeOptions {
  /** Images with more pixels than this are refused before anything is allocated. 100 million by default. */
  readonly maxPixels?: number | undefined;
  /**
   * Whether to turn the image as its EXIF orientation says. Off by default: Pillow's `Image.open`, and with it the
   * original system and torchvision's datasets, ignores it. TIFF files are always turned, as Pillow does.
   */
  readonly exifOrientation?: boolean | undefined;
  /** Tells which part will be read, where a decoder can save the rest; the pixels elsewhere may be anything. */
  readonly regionOf?: RegionOf | undefined;
  /** What the file is called in errors. */
  readonly name?: string;
}

const defaultMaxPixels = 100_000_000;
/** Goes up when the same file would be decoded to other pixels than before. */
export const decoderVersion = 2;

/**
 * Decodes an image file's bytes to uint8 RGB: BMP, PNM, GIF and any format that sharp reads, whatever the file is called.
 * As Pillow's `convert("RGB")`: an alpha channel is dropped, transparent GIF pixels have their palette's color, grey becomes
 * RGB, and CMYK too, without a color profile. 16 bits become 8, and of an animation the first frame is taken.
 * @throws ImageError `image/decode` for bytes that are no image, broken or too large.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<ByteImage> {
  const { maxPixels = defaultMaxPixels, name = "image" } = options;
  if (bytes.length === 0) throw decodeError(name, "the file is empty");
  const orientation = options.exifOrientation || isTiff(bytes) ? exifOrientation(bytes) : 1;
  const image = await decodeStored(bytes, { ...options, maxPixels, name }, orientation === 1);
  if (orientation === 1) return image;
  const turned = upright(image, orientation) as ByteImage;
  recycle(image.data);
  return turned;
}

/** The image as the file stores it. */
async function decodeStored(
  bytes: Uint8Array,
  { maxPixels, name, regionOf }: DecodeOptions & { maxPixels: number; name: string },
  upright: boolean,
): Promise<ByteImage> {
  const plain = decodePlainJpeg(bytes, upright ? regionOf : undefined);
  if (plain && plain.width * plain.height <= maxPixels) return plain;
  const allow = (width: number, height: number) => {
    if (width * height > maxPixels) throw tooLarge(name, width, height, maxPixels);
  };
  try {
    const read = readerOf(bytes);
    if (read !== undefined) {
      const { width, height, data } = read(bytes, allow);
      return byteImage(data, width, height);
    }
    return await decodeBySharp(bytes, maxPixels);
  } catch (error) {
    if (ImageError.is(error)) throw error;
    if (error instanceof Error && /pixel limit/i.test(error.message)) {
      const { width = 0, height = 0 } = await sharp(bytes, { limitInputPixels: false }).metadata();
      throw tooLarge(name, width, height, maxPixels);
    }
    throw decodeError(name, reason(error), error);
  }
}

type Reader = (bytes: Uint8Array, allow: (width: number, height: number) => void) => RgbPixels;

/** Who reads the formats that sharp does not read, or not as Pillow does. */
function readerOf(bytes: Uint8Array): Reader | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 4));
  if (start.startsWith("BM")) return decodeBmp;
  if (start.startsWith("GIF8")) return decodeGif;
  return /^P[1-6][\s#]/.test(start) ? decodePnm : undefined;
}

async function decodeBySharp(bytes: Uint8Array, maxPixels: number): Promise<ByteImage> {
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
    ? input.pipelineColourspace("cmyk").toColourspace("cmyk")
    : input.toColourspace("srgb").removeAlpha();
  const { data, info } = await pipeline.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
  if (cmyk === undefined) return toRgb(data, info.width, info.height, info.channels);
  return fromInks(data, info.width, info.height, info.channels, cmyk.inverted);
}

/** Pillow's conversion of CMYK (Convert.c, cmyk2rgb). */
function fromInks(data: Uint8Array, width: number, height: number, channels: number, inverted: boolean): ByteImage {
  const out = new Uint8Array(width * height * 3);
  const flip = inverted ? 255 : 0;
  for (let i = 0, from = 0; i < out.length; i += 3, from += channels) {
    const white = 255 - ((data[from + 3] as number) ^ flip);
    for (let c = 0; c < 3; c++) {
      const product = ((data[from + c] as number) ^ flip) * white + 128;
      out[i + c] = Math.max(0, white - (((product >> 8) + product) >> 8));
    }
  }
  return byteImage(out, width, height);
}

/** Reads and decodes an image file. @throws ImageError `image/missing` or `image/decode`, naming the file. */
export async function readImage(path: string, options: DecodeOptions = {}): Promise<ByteImage> {
  return decodeImage(await readImageBytes(path), { name: path, ...options });
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

/** The bytes of an image file. @throws ImageError `image/missing`, naming the file. */
export async function readImageBytes(path: string): Promise<Uint8Array> {
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

function toRgb(data: Uint8Array, width: number, height: number, channels: number): ByteImage {
  const image = { width, height, channels: 3, semantics: "pil" } as const;
  if (channels === 3) return { ...image, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  const out = new Uint8Array(width * height * 3);
  // One grey channel, possibly with alpha: the first of them, three times.
  for (let i = 0, from = 0, to = 0; i < width * height; i++, from += channels, to += 3) {
    out[to] = out[to + 1] = out[to + 2] = data[from] as number;
  }
  return { ...image, data: out };
}

function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (/unsupported image format/i.test(text)) return "it is not an image of a known format";
  return text.split("\n")[0]?.trim() || "it is broken";
}

function tooLarge(name: string, width: number, height: number, maxPixels: number): ImageError {
  return new ImageError({
    code: "image/decode",
    what: `${name} cannot be decoded: it has too many pixels: ${width}x${height}, and max_pixels is ${maxPixels}`,
    fix: "a small file of so many pixels may be a decompression bomb; if it is to be trusted, raise max_pixels",
  });
}

function decodeError(name: string, why: string, cause?: unknown): ImageError {
  return new ImageError({
    code: "image/decode",
    what: `${name} cannot be decoded: ${why}`,
    fix: "replace or remove the file, or let the loader skip files that cannot be decoded (on_error=skip)",
    cause,
  });
}
