import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { VisionError } from "../errors.ts";
import type { ByteImage } from "./image.ts";
import { decodePlainJpeg, type RegionOf } from "./plain-jpeg.ts";

// One thread per image: parallelism comes from the workers, and a rival thread pool would starve the training step.
sharp.concurrency(1);
sharp.cache(false);

export interface DecodeOptions {
  /** Images with more pixels than this are refused before anything is allocated. 100 million by default. */
  readonly maxPixels?: number;
  /**
   * Whether to turn the image as its EXIF orientation says. Off by default: Pillow's `Image.open`, and with it the
   * original system and torchvision's datasets, ignores it.
   */
  readonly applyOrientation?: boolean;
  /** Tells which part will be read, where a decoder can save the rest; the pixels elsewhere may be anything. */
  readonly regionOf?: RegionOf | undefined;
  /** What the file is called in errors. */
  readonly name?: string;
}

const defaultMaxPixels = 100_000_000;

/**
 * Decodes an image file's bytes to uint8 RGB: any format that sharp reads, whatever the file is called. An alpha channel is
 * dropped as Pillow's `convert("RGB")` drops it, grey and CMYK become RGB, 16 bits become 8, and of an animation the
 * first frame is taken.
 * @throws VisionError `vision/decode` for bytes that are no image, broken or too large.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<ByteImage> {
  const { maxPixels = defaultMaxPixels, applyOrientation = false, name = "image" } = options;
  if (bytes.length === 0) throw decodeError(name, "the file is empty");
  if (!applyOrientation) {
    const plain = decodePlainJpeg(bytes, options.regionOf);
    if (plain && plain.width * plain.height <= maxPixels) return plain;
  }
  try {
    let pipeline = sharp(bytes, {
      limitInputPixels: maxPixels,
      failOn: "truncated",
      sequentialRead: true,
      pages: 1,
      ignoreIcc: true,
    });
    if (applyOrientation) pipeline = pipeline.autoOrient();
    const { data, info } = await pipeline
      .toColourspace("srgb")
      .removeAlpha()
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return toRgb(data, info.width, info.height, info.channels);
  } catch (error) {
    if (VisionError.is(error)) throw error;
    throw decodeError(name, reason(error), error);
  }
}

/** Reads and decodes an image file. @throws VisionError `vision/image-missing` or `vision/decode`, naming the file. */
export async function readImage(path: string, options: DecodeOptions = {}): Promise<ByteImage> {
  return decodeImage(await readImageBytes(path), { name: path, ...options });
}

/** Milliseconds that a file takes to read, a moving average. */
let usualMs = 0;
const slowMs = 1;

/**
 * From memory and fast disks a file is read at once, which costs a fraction of four trips to the thread pool; where
 * reading is slow, it overlaps with the work on other samples.
 */
async function readWhole(path: string): Promise<Uint8Array> {
  if (usualMs > slowMs) {
    // Faster storage, or a machine less busy, is noticed after a while.
    usualMs *= 0.999;
    return readFile(path);
  }
  const started = performance.now();
  const bytes = readFileSync(path);
  usualMs += (Math.min(performance.now() - started, 20 * slowMs) - usualMs) / 32;
  return bytes;
}

/** The bytes of an image file. @throws VisionError `vision/image-missing`, naming the file. */
export async function readImageBytes(path: string): Promise<Uint8Array> {
  try {
    return await readWhole(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === "ENOENT" ? "does not exist" : code === "EISDIR" ? "is a folder" : `cannot be read (${code})`;
    throw new VisionError({ code: "vision/image-missing", what: `the image ${path} ${why}`, cause: error });
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
  if (/pixel limit/i.test(text)) return "it has too many pixels (a decompression bomb?)";
  if (/unsupported image format/i.test(text)) return "it is not an image of a known format";
  return text.split("\n")[0]?.trim() || "it is broken";
}

function decodeError(name: string, why: string, cause?: unknown): VisionError {
  return new VisionError({
    code: "vision/decode",
    what: `${name} cannot be decoded: ${why}`,
    fix: "replace or remove the file, or let the dataset skip files that cannot be decoded (onError: skip)",
    cause,
  });
}
