import { platform } from "#platform";
import { type ByteImage, type Image, isByteImage } from "../image.ts";

/** A PNG file of the image; float pixels are expected to be in [0, 1]. */
export function encodePng(image: Image): Promise<Uint8Array> {
  return platform.encode(toBytes(image), "png", 100);
}

/** A JPEG file of the image (in Node.js: 4:2:0, standard tables, as Pillow writes it); the quality is 1 to 100. */
export function encodeJpeg(image: Image, quality = 75): Promise<Uint8Array> {
  return platform.encode(toBytes(image), "jpeg", quality);
}

function toBytes(image: Image): ByteImage {
  if (isByteImage(image)) return image;
  return { ...image, data: Uint8Array.from(image.data, (v) => Math.max(0, Math.min(255, Math.round(v * 255)))) };
}
