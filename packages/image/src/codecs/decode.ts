import { platform } from "#platform";
import { ImageError } from "../errors.ts";
import { applyOrientation } from "../functional/orientation.ts";
import { type ByteImage, byteImage } from "../image.ts";
import { recycle } from "../kernels/buffers.ts";
import { decodeBmp } from "./bmp.ts";
import { decodeGif } from "./gif.ts";
import { decodePlainJpeg, type RegionOf } from "./plain-jpeg.ts";
import { decodePnm } from "./pnm.ts";
import type { RgbPixels, SizeCheck } from "./reader.ts";
import { exifOrientation, isTiff } from "./tags.ts";

export interface DecodeOptions {
  /** Images with more pixels than this are refused before anything is allocated. 100 million by default. */
  readonly maxPixels?: number | undefined;
  /**
   * Whether to apply the EXIF orientation. Off by default: Pillow's `Image.open`, and with it the
   * original system and torchvision's datasets, ignores it. That of TIFF files is always applied, as Pillow does.
   */
  readonly exifOrientation?: boolean | undefined;
  /** The part that will be read, where a decoder can save the rest; the pixels elsewhere may be anything. */
  readonly regionOf?: RegionOf | undefined;
  /** What the file is called in errors. */
  readonly name?: string;
}

const defaultMaxPixels = 100_000_000;
/** Goes up when the same file would be decoded to other pixels than before. */
export const decoderVersion = 2;

/**
 * Decodes an image file's bytes to uint8 RGB: BMP, PNM, GIF and any format that sharp reads (in a browser: that the browser
 * reads), whatever the file is called.
 * As Pillow's `convert("RGB")`: an alpha channel is dropped, transparent GIF pixels have their palette's color, gray becomes
 * RGB, and CMYK too, without a color profile. 16 bits become 8, and of an animation the first frame is taken.
 * @throws ImageError `image/decode` for bytes that are not an image, are damaged, or hold too many pixels.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<ByteImage> {
  const { maxPixels = defaultMaxPixels, name = "image" } = options;
  if (bytes.length === 0) throw decodeError(name, "the file is empty");
  const orientation = options.exifOrientation || isTiff(bytes) ? exifOrientation(bytes) : 1;
  const image = await decodeStored(bytes, { ...options, maxPixels, name }, orientation === 1);
  if (orientation === 1) return image;
  const oriented = applyOrientation(image, orientation) as ByteImage;
  recycle(image.data);
  return oriented;
}

/** The image as the file stores it. */
async function decodeStored(
  bytes: Uint8Array,
  { maxPixels, name, regionOf }: DecodeOptions & { maxPixels: number; name: string },
  isOriented: boolean,
): Promise<ByteImage> {
  const plain = decodePlainJpeg(bytes, isOriented ? regionOf : undefined);
  if (plain && plain.width * plain.height <= maxPixels) return plain;
  const allow: SizeCheck = (width, height) => {
    if (width * height > maxPixels) throw tooLarge(name, width, height, maxPixels);
  };
  try {
    const read = readerOf(bytes) ?? ((file) => platform.decode(file, name, maxPixels, allow));
    const { width, height, data } = await read(bytes, allow);
    return byteImage(data, width, height);
  } catch (error) {
    if (ImageError.is(error)) throw error;
    throw decodeError(name, reason(error), error);
  }
}

type Reader = (bytes: Uint8Array, allow: SizeCheck) => RgbPixels | Promise<RgbPixels>;

/** The reader of a format that platforms do not read, or not as Pillow does. */
function readerOf(bytes: Uint8Array): Reader | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 4));
  if (start.startsWith("BM")) return decodeBmp;
  if (start.startsWith("GIF8")) return decodeGif;
  return /^P[1-6][\s#]/.test(start) ? decodePnm : undefined;
}

/** Reads and decodes an image file; in a browser, the path is a URL. @throws ImageError `image/missing` or `image/decode`, naming the file. */
export async function readImage(path: string, options: DecodeOptions = {}): Promise<ByteImage> {
  return decodeImage(await readImageBytes(path), { name: path, ...options });
}

/** The bytes of an image file. @throws ImageError `image/missing`, naming the file */
export function readImageBytes(path: string): Promise<Uint8Array> {
  return platform.readBytes(path);
}

function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (/unsupported image format/i.test(text)) return "it is not an image of a known format";
  return text.split("\n")[0]?.trim() || "it is broken";
}

function tooLarge(name: string, width: number, height: number, maxPixels: number): ImageError {
  return new ImageError({
    code: "image/decode",
    what: `${name} cannot be decoded: it has too many pixels: expected at most max_pixels=${maxPixels}, received ${width}x${height}`,
    fix: "a small file of so many pixels may be a decompression bomb; for a trusted file, raise max_pixels",
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
