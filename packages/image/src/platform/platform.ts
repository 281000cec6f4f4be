import type { RgbPixels, SizeCheck } from "../codecs/reader.ts";
import type { ByteImage } from "../image.ts";

/** What Node.js and browsers do differently: `#platform` is node.ts or browser.ts, by the conditions of package.json. */
export interface Platform {
  /** Plain JPEG files up to these sizes are decoded in WebAssembly, which blocks the thread. */
  readonly largestPlainJpeg: { readonly bytes: number; readonly pixels: number };
  /**
   * Decodes formats that this package has no reader of; calls `allow` with the size, before it takes memory if it can.
   * @throws ImageError where the platform's decoder is missing
   */
  decode(bytes: Uint8Array, name: string, maxPixels: number, allow: SizeCheck): Promise<RgbPixels>;
  /** A PNG or JPEG file of an image of bytes; the quality is 1 to 100. */
  encode(image: ByteImage, format: "png" | "jpeg", quality: number): Promise<Uint8Array>;
  /** The bytes of the file at a path or URL. @throws ImageError `image/missing` */
  readBytes(path: string): Promise<Uint8Array>;
  /** Imports the module that defines a custom transform. */
  importModule(url: string): Promise<Record<string, unknown>>;
}
