import sharp from "sharp";
import { type ByteImage, type Image, isByteImage } from "../image.ts";

/** A PNG file of the image; float pixels are taken to be in [0, 1]. */
export function encodePng(image: Image): Promise<Uint8Array> {
  return toSharp(image).png().toBuffer();
}

/** A JPEG file of the image (4:2:0, standard tables, as Pillow writes it). */
export function encodeJpeg(image: Image, quality = 75): Promise<Uint8Array> {
  return toSharp(image).jpeg({ quality, chromaSubsampling: "4:2:0", optimiseCoding: false, mozjpeg: false }).toBuffer();
}

function toSharp(image: Image) {
  const { width, height } = image;
  const channels = image.channels as 1 | 3;
  return sharp(toBytes(image).data, { raw: { width, height, channels } });
}

function toBytes(image: Image): ByteImage {
  if (isByteImage(image)) return image;
  return { ...image, data: Uint8Array.from(image.data, (v) => Math.max(0, Math.min(255, Math.round(v * 255)))) };
}
