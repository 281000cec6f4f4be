import type { RgbPixels, SizeCheck } from "../codecs/reader.ts";
import { ImageError } from "../errors.ts";
import type { ByteImage } from "../image.ts";
import type { Platform } from "./platform.ts";

/** The parts of the DOM that are used here; Node's types do not describe them. */
interface Browser {
  createImageBitmap(source: Blob, options: Readonly<Record<string, string>>): Promise<Bitmap>;
  readonly OffscreenCanvas: new (width: number, height: number) => Canvas;
  readonly ImageData: new (data: Uint8ClampedArray, width: number, height: number) => Pixels;
}
interface Bitmap {
  readonly width: number;
  readonly height: number;
  close(): void;
}
interface Pixels {
  readonly data: Uint8ClampedArray;
}
interface Canvas {
  getContext(kind: "2d", options: { willReadFrequently: boolean }): Context;
  convertToBlob(options: { type: string; quality: number }): Promise<Blob>;
}
interface Context {
  drawImage(image: Bitmap, x: number, y: number): void;
  getImageData(x: number, y: number, width: number, height: number): Pixels;
  putImageData(pixels: Pixels, x: number, y: number): void;
}

const browser = globalThis as unknown as Browser;

function canvasOf(width: number, height: number): { canvas: Canvas; context: Context } {
  const canvas = new browser.OffscreenCanvas(width, height);
  return { canvas, context: canvas.getContext("2d", { willReadFrequently: true }) };
}

async function decode(bytes: Uint8Array, _name: string, _maxPixels: number, allow: SizeCheck): Promise<RgbPixels> {
  const options = { imageOrientation: "none", premultiplyAlpha: "none", colorSpaceConversion: "none" };
  const bitmap = await browser.createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>]), options);
  const { width, height } = bitmap;
  try {
    allow(width, height);
    const { context } = canvasOf(width, height);
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    const rgb = new Uint8Array(width * height * 3);
    for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
      for (let c = 0; c < 3; c++) rgb[to + c] = data[from + c] as number;
    }
    return { width, height, data: rgb };
  } finally {
    bitmap.close();
  }
}

async function encode(image: ByteImage, format: "png" | "jpeg", quality: number): Promise<Uint8Array> {
  const { width, height, channels, data } = image;
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let from = 0, to = 0; to < rgba.length; from += channels, to += 4) {
    for (let c = 0; c < 3; c++) rgba[to + c] = data[from + Math.min(c, channels - 1)] as number;
  }
  const { canvas, context } = canvasOf(width, height);
  context.putImageData(new browser.ImageData(rgba, width, height), 0, 0);
  const blob = await canvas.convertToBlob({ type: `image/${format}`, quality: quality / 100 });
  return new Uint8Array(await blob.arrayBuffer());
}

async function readBytes(url: string): Promise<Uint8Array> {
  const failed = (why: string, cause?: unknown) =>
    new ImageError({ code: "image/missing", what: `the image ${url} cannot be read: ${why}`, cause });
  const response = await fetch(url).catch((cause: unknown) => {
    throw failed(String(cause), cause);
  });
  if (!response.ok) throw failed(`the server answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function importModule(url: string): Promise<never> {
  throw new ImageError({
    code: "image/transform-module",
    what: "a browser does not load transforms from modules",
    where: url,
    fix: "import the module that defines the transform, then build it by its name with buildNamedTransform",
  });
}

/** The same bits as in Node.js for as many files as possible. */
const largestPlainJpeg = { bytes: 1 << 28, pixels: 100_000_000 };

export const platform: Platform = { largestPlainJpeg, decode, encode, readBytes, importModule };
