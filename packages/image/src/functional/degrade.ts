import type { ByteImage } from "../image.ts";
import { recycle, takeBytes } from "../kernels/buffers.ts";
import { fillPerChannel } from "./crop.ts";
import type { Box } from "./resample.ts";
import { resizeAsPillow } from "./resize.ts";

/** Shrinks to `scale` of each side (at least one pixel) and enlarges again, with Pillow's resize. */
export function downAndUp(image: ByteImage, scale: number, interpolation: "nearest" | "bilinear"): ByteImage {
  const width = Math.max(1, Math.trunc(image.width * scale));
  const height = Math.max(1, Math.trunc(image.height * scale));
  const small = resizeAsPillow(image, width, height, { interpolation });
  const large = resizeAsPillow(small, image.width, image.height, { interpolation });
  if (small.data !== large.data && small.data !== image.data) recycle(small.data);
  return large;
}

/** The part `box` resized to the full size. */
export function zoomIn(image: ByteImage, box: Box): ByteImage {
  return resizeAsPillow(image, image.width, image.height, { box });
}

/** The image at (`left`, `top`) of a larger canvas of the fill color, resized to the image's own size. */
export function zoomOut(image: ByteImage, canvas: Box, fill: number | readonly number[]): ByteImage {
  const { width, height, channels, data } = image;
  const values = fillPerChannel(fill, channels);
  const rowLength = canvas.width * channels;
  const pixels = takeBytes(canvas.height * rowLength);
  for (let i = 0; i < rowLength; i++) pixels[i] = values[i % channels] as number;
  for (let filled = rowLength; filled < pixels.length; filled *= 2) pixels.copyWithin(filled, 0, filled);
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width * channels, (y + 1) * width * channels);
    pixels.set(row, (canvas.top + y) * rowLength + canvas.left * channels);
  }
  const large = { ...image, data: pixels, width: canvas.width, height: canvas.height };
  const made = resizeAsPillow(large, width, height);
  if (made.data !== pixels) recycle(pixels);
  return made;
}
