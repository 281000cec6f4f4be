import { ImageError } from "../errors.ts";
import { type Image, isByteImage, withPixels } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";
import { runKernels } from "../kernels/instance.ts";
import type { Box } from "./resample.ts";

export const paddingModes = ["constant", "edge", "reflect", "symmetric"] as const;
export type PaddingMode = (typeof paddingModes)[number];

/** Left, top, right, bottom, in pixels. */
export type Padding = readonly [left: number, top: number, right: number, bottom: number];

/** One number for all channels, or one per channel; on the image's own scale (0..255 for uint8). */
export type Fill = number | readonly number[];

/** The fill as one number per channel. */
export function fillPerChannel(fill: Fill, channels: number): number[] {
  if (typeof fill === "number") return new Array<number>(channels).fill(fill);
  if (fill.length === 1) return new Array<number>(channels).fill(fill[0] as number);
  if (fill.length === channels) return [...fill];
  throw new ImageError({
    code: "image/fill",
    what: `fill: expected one number or ${channels}, one per channel, received ${fill.length}`,
  });
}

/** Adds a border, as `torchvision.transforms.v2.functional.pad` does. Negative padding crops. */
export function pad(image: Image, padding: Padding, fill: Fill = 0, mode: PaddingMode = "constant"): Image {
  const [left, top, right, bottom] = padding;
  const { width, height, channels, data } = image;
  const outWidth = width + left + right;
  const outHeight = height + top + bottom;
  if (outWidth < 1 || outHeight < 1) {
    throw new ImageError({
      code: "image/padding",
      what: `padding ${padding.join(",")} leaves no pixel of an image of ${width}x${height}`,
      fix: "crop less",
    });
  }
  const columns = sourcePositions(width, left, outWidth, mode);
  const rows = sourcePositions(height, top, outHeight, mode);
  const values = fillPerChannel(fill, channels);
  const length = outWidth * outHeight * channels;
  const out = isByteImage(image) ? takeBytes(length) : new Float32Array(length);
  for (let y = 0, at = 0; y < outHeight; y++) {
    const row = rows[y] as number;
    for (let x = 0; x < outWidth; x++) {
      const column = columns[x] as number;
      if (row < 0 || column < 0) for (let c = 0; c < channels; c++) out[at++] = values[c] as number;
      else {
        let pixel = (row * width + column) * channels;
        for (let c = 0; c < channels; c++) out[at++] = data[pixel++] as number;
      }
    }
  }
  return withPixels(image, out, outWidth, outHeight);
}

/** For each output position of one axis the input position, or -1 for the fill. */
function sourcePositions(size: number, before: number, outSize: number, mode: PaddingMode): Int32Array {
  const positions = new Int32Array(outSize);
  const largest = Math.max(before, outSize - size - before);
  if ((mode === "reflect" && largest >= size) || (mode === "symmetric" && largest > size)) {
    throw new ImageError({
      code: "image/padding",
      what: `padding in mode ${mode}: expected less than the ${size} pixels of the image, received ${largest}`,
      fix: "pad less, or use the mode 'edge' or 'constant'",
    });
  }
  for (let out = 0; out < outSize; out++) {
    let i = out - before;
    if (mode === "edge") i = Math.max(0, Math.min(size - 1, i));
    else if (mode === "constant") i = i < 0 || i >= size ? -1 : i;
    else {
      const skip = mode === "reflect" ? 1 : 0;
      if (i < 0) i = -i - 1 + skip;
      else if (i >= size) i = 2 * size - 1 - skip - i;
    }
    positions[out] = i;
  }
  return positions;
}

/** The part `box` of an image, which must lie inside it. */
export function cropPixels(image: Image, box: Box): Image {
  const { channels, data } = image;
  const rowLength = box.width * channels;
  const length = box.height * rowLength;
  const out = isByteImage(image) ? takeBytes(length) : new Float32Array(length);
  for (let y = 0; y < box.height; y++) {
    const from = ((box.top + y) * image.width + box.left) * channels;
    out.set(data.subarray(from, from + rowLength), y * rowLength);
  }
  return withPixels(image, out, box.width, box.height);
}

/** Whether a box lies inside an image. */
export function isInside({ width, height }: { width: number; height: number }, box: Box): boolean {
  return box.left >= 0 && box.top >= 0 && box.left + box.width <= width && box.top + box.height <= height;
}

/** The part of an image given by `box`; what lies outside the image is filled with 0. */
export function crop(image: Image, box: Box): Image {
  if (!isInside(image, box)) {
    const right = box.left + box.width;
    const bottom = box.top + box.height;
    return pad(image, [-box.left, -box.top, right - image.width, bottom - image.height]);
  }
  return box.width === image.width && box.height === image.height ? image : cropPixels(image, box);
}

/** Rounds half to even, as Python's `round` does. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Where a center crop lies; torchvision's rounding. Negative offsets mean padding (see `centerCrop`). */
export function centerBox(image: { width: number; height: number }, width: number, height: number): Box {
  return {
    left: roundHalfEven((image.width - width) / 2),
    top: roundHalfEven((image.height - height) / 2),
    width,
    height,
  };
}

/** The middle of an image; a smaller image is first padded with 0. */
export function centerCrop(image: Image, width: number, height: number): Image {
  let source = image;
  if (image.width < width || image.height < height) {
    const wide = Math.max(0, width - image.width);
    const tall = Math.max(0, height - image.height);
    source = pad(image, [wide >> 1, tall >> 1, (wide + 1) >> 1, (tall + 1) >> 1]);
  }
  return crop(source, centerBox(source, width, height));
}

/** The four corners and the middle, as torchvision's `five_crop`. @throws ImageError for an image that is smaller */
export function fiveCrop(image: Image, width: number, height: number): Image[] {
  if (width > image.width || height > image.height) {
    throw new ImageError({
      code: "image/crop",
      what: `crop: expected at most the image's ${image.width}x${image.height}, received ${width}x${height}`,
      fix: "resize before",
    });
  }
  const [right, bottom] = [image.width - width, image.height - height];
  const corners = [
    [0, 0],
    [right, 0],
    [0, bottom],
    [right, bottom],
  ] as const;
  return [...corners.map(([left, top]) => crop(image, { left, top, width, height })), centerCrop(image, width, height)];
}

/** The five crops of the image, and those of its mirror image. */
export function tenCrop(image: Image, width: number, height: number, vertical = false): Image[] {
  const mirrored = vertical ? verticalFlip(image) : horizontalFlip(image);
  return [...fiveCrop(image, width, height), ...fiveCrop(mirrored, width, height)];
}

/** Mirrors left and right. */
export function horizontalFlip(image: Image): Image {
  const { width, height, channels, data } = image;
  if (isByteImage(image) && channels === 3) {
    const out = takeBytes(data.length);
    runKernels(out, (kernels, frame, outAt) => kernels.flip_rows(frame.in(image.data), width, height, outAt));
    return withPixels(image, out, width, height);
  }
  const out = isByteImage(image) ? takeBytes(data.length) : new Float32Array(data.length);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = width - 1; x >= 0; x--) {
      for (let c = 0; c < channels; c++) out[at++] = data[(y * width + x) * channels + c] as number;
    }
  }
  return withPixels(image, out, width, height);
}

/** Mirrors top and bottom. */
export function verticalFlip(image: Image): Image {
  const { width, height, channels, data } = image;
  const out = isByteImage(image) ? takeBytes(data.length) : new Float32Array(data.length);
  const rowLength = width * channels;
  for (let y = 0; y < height; y++) {
    const from = (height - 1 - y) * rowLength;
    out.set(data.subarray(from, from + rowLength), y * rowLength);
  }
  return withPixels(image, out, width, height);
}
