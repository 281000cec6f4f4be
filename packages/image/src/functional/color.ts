import { type ByteImage, type FloatImage, type Image, isByteImage, withPixels } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";
import { runKernels } from "../kernels/instance.ts";

/** Applies one table of 256 values to every byte. */
export function lookUp(image: ByteImage, table: Uint8Array): ByteImage {
  const out = takeBytes(image.data.length);
  out.set(image.data);
  lookUpInPlace(out, table);
  return withPixels(image, out, image.width, image.height);
}

export function lookUpInPlace(data: Uint8Array, table: Uint8Array): void {
  const line = straightLine(table);
  runKernels(data, (kernels, frame, at) => {
    if (line) return kernels.straight_line(at, data.length, line.factor, line.offset);
    kernels.look_up(at, data.length, frame.in(table));
  });
}

/**
 * The table as `(value * factor + offset) >> 14`, clipped to a byte, if it is exactly that: brightness and contrast are,
 * and arithmetic is several times faster than looking up.
 */
export function straightLine(table: Uint8Array): { factor: number; offset: number } | undefined {
  // From the part that is not clipped: its ends give the slope, and each entry bounds the offset.
  let low = 0;
  let high = 255;
  while (low < high && table[low + 1] === table[0]) low++;
  while (low < high && table[high - 1] === table[255]) high--;
  if (high - low < 8) return undefined;
  const slope = ((table[high] as number) - (table[low] as number)) / (high - low);
  const around = Math.round(slope * 16384);
  const reach = Math.ceil(16384 / (high - low));
  for (let step = 0; step <= 64; step++) {
    const factor = around + Math.round(((step & 1) === 0 ? -1 : 1) * (((step + 1) >> 1) / 32) * reach);
    if (Math.abs(factor) > 32767) continue;
    let least = Number.NEGATIVE_INFINITY;
    let most = Number.POSITIVE_INFINITY;
    for (let value = 0; value < 256 && least <= most; value++) {
      const made = table[value] as number;
      if (made > 0) least = Math.max(least, made * 16384 - value * factor);
      if (made < 255) most = Math.min(most, made * 16384 + 16383 - value * factor);
    }
    if (least <= most) return { factor, offset: Math.trunc(Number.isFinite(least) ? least : most) };
  }
  return undefined;
}

/** Applies a table per channel. */
export function lookUpChannels(image: ByteImage, tables: readonly Uint8Array[]): ByteImage {
  const { data, channels } = image;
  const out = takeBytes(data.length);
  for (let c = 0; c < channels; c++) {
    const table = tables[c] as Uint8Array;
    for (let i = c; i < data.length; i += channels) out[i] = table[data[i] as number] as number;
  }
  return withPixels(image, out, image.width, image.height);
}

export function table256(at: (value: number) => number): Uint8Array {
  const table = new Uint8Array(256);
  // Written through a clamp, then truncated: what C does with an in-range float.
  for (let i = 0; i < 256; i++) table[i] = Math.max(0, Math.min(255, Math.trunc(at(i))));
  return table;
}

function mapFloats(image: Image, at: (value: number) => number): FloatImage {
  const data = image.data as Float32Array;
  const out = new Float32Array(data.length);
  for (let i = 0; i < out.length; i++) out[i] = at(data[i] as number);
  return withPixels(image as FloatImage, out, image.width, image.height);
}

const unit = (value: number) => (value < 0 ? 0 : Math.min(value, 1));

/** Pillow's gray value of a color (ITU-R 601-2, 16-bit fixed point). */
export function grayOf(r: number, g: number, b: number): number {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}

/** `Image.blend(other, value, factor)` of Pillow for one byte: float32 arithmetic, truncated. */
function blendPillow(other: number, value: number, factor: number): number {
  return Math.fround(other + Math.fround(Math.fround(factor) * (value - other)));
}

/** Multiplies by `factor` (0 black, 1 unchanged). */
export function adjustBrightness(image: Image, factor: number): Image {
  if (!isByteImage(image)) return mapFloats(image, (v) => unit(v * factor));
  if (image.semantics === "pil") return lookUp(image, brightnessTable(factor));
  const f = Math.fround(factor);
  return lookUp(
    image,
    table256((v) => Math.fround(v * f)),
  );
}

export function brightnessTable(factor: number): Uint8Array {
  return table256((v) => blendPillow(0, v, factor));
}

export function contrastTable(mean: number, factor: number): Uint8Array {
  return table256((v) => blendPillow(mean, v, factor));
}

/** Blends with the mean gray (0 all gray, 1 unchanged). */
export function adjustContrast(image: Image, factor: number): Image {
  if (isByteImage(image) && image.semantics === "pil") return lookUp(image, contrastTable(meanGray(image), factor));
  const mean = tensorMeanGray(image);
  const rest = mean * (1 - factor);
  if (!isByteImage(image)) return mapFloats(image, (v) => unit(v * factor + rest));
  return lookUp(
    image,
    table256((v) => Math.fround(v * factor + rest)),
  );
}

/** Pillow's `int(ImageStat.Stat(image.convert("L")).mean[0] + 0.5)`. */
export function meanGray({ data, channels, width, height }: ByteImage): number {
  let sum = 0;
  if (channels === 1) for (const value of data) sum += value;
  else {
    runKernels(data, (kernels, _, at) => {
      sum = kernels.gray_sum(at, width * height);
    });
  }
  return Math.trunc(sum / (width * height) + 0.5);
}

function tensorMeanGray(image: Image): number {
  const { data, channels } = image;
  let sum = 0;
  for (let i = 0; i < data.length; i += channels) {
    const gray = channels === 1 ? (data[i] as number) : tensorGray(data[i]!, data[i + 1]!, data[i + 2]!);
    sum += isByteImage(image) ? Math.floor(gray) : gray;
  }
  return sum / (image.width * image.height);
}

const tensorGray = (r: number, g: number, b: number) => Math.fround(0.2989 * r + 0.587 * g + 0.114 * b);

/** Blends with the image's own gray version (0 gray, 1 unchanged, 2 twice as colorful). */
export function adjustSaturation(image: Image, factor: number): Image {
  if (image.channels !== 3) return image;
  const { data } = image;
  if (!isByteImage(image)) {
    const out = new Float32Array(data.length);
    for (let i = 0; i < data.length; i += 3) {
      const rest = tensorGray(data[i]!, data[i + 1]!, data[i + 2]!) * (1 - factor);
      for (let c = 0; c < 3; c++) out[i + c] = unit((data[i + c] as number) * factor + rest);
    }
    return withPixels(image as FloatImage, out, image.width, image.height);
  }
  const out = takeBytes(data.length);
  if (image.semantics === "pil") {
    out.set(image.data);
    saturatePillow(out, factor);
  } else {
    for (let i = 0; i < data.length; i += 3) {
      const rest = Math.floor(tensorGray(data[i]!, data[i + 1]!, data[i + 2]!)) * (1 - factor);
      for (let c = 0; c < 3; c++) out[i + c] = clamp255((data[i + c] as number) * factor + rest);
    }
  }
  return withPixels(image, out, image.width, image.height);
}

/** Pillow's `ImageEnhance.Color`, in place. */
export function saturatePillow(data: Uint8Array, factor: number): void {
  runKernels(data, (kernels, _, at) => kernels.saturate(at, data.length / 3, factor));
}

const clamp255 = (value: number) => (value < 0 ? 0 : Math.min(value, 255));

/** The colors turned gray, in one or three channels. */
export function toGrayscale(image: Image, outputChannels: 1 | 3 = 1): Image {
  const { data, channels, width, height } = image;
  const area = width * height;
  const out = isByteImage(image) ? takeBytes(area * outputChannels) : new Float32Array(area * outputChannels);
  for (let i = 0, at = 0, from = 0; i < area; i++, from += channels) {
    let gray = data[from] as number;
    if (channels === 3) {
      if (image.semantics === "pil") gray = grayOf(gray, data[from + 1]!, data[from + 2]!);
      else gray = tensorGray(gray, data[from + 1]!, data[from + 2]!);
    }
    for (let c = 0; c < outputChannels; c++) out[at++] = gray;
  }
  return { ...image, channels: outputChannels, data: out };
}

/** The channels in another order. */
export function permuteChannels(image: Image, order: readonly number[]): Image {
  const { data, channels } = image;
  const out = isByteImage(image) ? takeBytes(data.length) : new Float32Array(data.length);
  for (let i = 0; i < data.length; i += channels) {
    for (let c = 0; c < channels; c++) out[i + c] = data[i + (order[c] as number)] as number;
  }
  return withPixels(image, out, image.width, image.height);
}

/** gain * value ^ gamma, on the scale [0, 1]. */
export function adjustGamma(image: Image, gamma: number, gain = 1): Image {
  if (!isByteImage(image)) return mapFloats(image, (v) => unit(gain * v ** gamma));
  // Both semantics scale by 256 less a thousandth and truncate.
  return lookUp(
    image,
    table256((v) => (255 + 1 - 1e-3) * Math.min(1, gain * (v / 255) ** gamma)),
  );
}

/** 255 less each value (1 less, for floats). */
export function invert(image: Image): Image {
  if (!isByteImage(image)) return mapFloats(image, (v) => 1 - v);
  return lookUp(
    image,
    table256((v) => 255 - v),
  );
}

/** Keeps the upper `bits` bits of each byte. */
export function posterize(image: Image, bits: number): Image {
  if (!isByteImage(image)) {
    const levels = 2 ** bits;
    return mapFloats(image, (v) => unit(Math.floor(v * levels) / levels));
  }
  const mask = bits >= 8 ? 255 : 255 & ~(2 ** (8 - bits) - 1);
  return lookUp(
    image,
    table256((v) => v & mask),
  );
}

/** Inverts the values at or above the threshold. */
export function solarize(image: Image, threshold: number): Image {
  if (!isByteImage(image)) return mapFloats(image, (v) => (v >= threshold ? 1 - v : v));
  return lookUp(
    image,
    table256((v) => (v >= threshold ? 255 - v : v)),
  );
}

function histogram(data: Uint8Array, channel: number, channels: number): Uint32Array {
  const counts = new Uint32Array(256);
  for (let i = channel; i < data.length; i += channels) counts[data[i] as number]!++;
  return counts;
}

/** Spreads each channel's values evenly over 0..255. Float images are equalized through their bytes. */
export function equalize(image: Image): Image {
  if (!isByteImage(image)) return throughBytes(image, equalize);
  const tables = Array.from({ length: image.channels }, (_, channel) => {
    const counts = histogram(image.data, channel, image.channels);
    const highest = counts.findLastIndex((count) => count > 0);
    const step = Math.floor((image.width * image.height - (counts[highest] as number)) / 255);
    if (step === 0) return table256((v) => v);
    let before = Math.floor(step / 2);
    return table256((v) => {
      const value = Math.floor(before / step);
      before += counts[v] as number;
      return value;
    });
  });
  return lookUpChannels(image, tables);
}

function throughBytes(image: Image, apply: (image: Image) => Image): Image {
  const bytes = takeBytes(image.data.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.min(255, (image.data[i] as number) * 255.999);
  const made = apply({ ...image, data: bytes });
  return { ...made, data: Float32Array.from(made.data, (v) => v / 255) };
}

/** Stretches each channel so that its darkest value becomes 0 and its brightest 255. */
export function autocontrast(image: Image): Image {
  const { channels, data } = image;
  const low = new Float32Array(channels).fill(Number.POSITIVE_INFINITY);
  const high = new Float32Array(channels).fill(Number.NEGATIVE_INFINITY);
  for (let i = 0; i < data.length; ) {
    for (let c = 0; c < channels; c++, i++) {
      const value = data[i] as number;
      if (value < (low[c] as number)) low[c] = value;
      if (value > (high[c] as number)) high[c] = value;
    }
  }
  if (!isByteImage(image)) {
    const out = new Float32Array(data.length);
    for (let i = 0; i < out.length; i++) {
      const range = high[i % channels]! - low[i % channels]!;
      out[i] = range === 0 ? data[i]! : unit((data[i]! - low[i % channels]!) / range);
    }
    return withPixels(image as FloatImage, out, image.width, image.height);
  }
  const tables = Array.from({ length: channels }, (_, c) => {
    const darkest = low[c] as number;
    const range = (high[c] as number) - darkest;
    if (range <= 0) return table256((v) => v);
    if (image.semantics === "pil") {
      const scale = 255 / range;
      return table256((v) => v * scale - darkest * scale);
    }
    const scale = Math.fround(range * Math.fround(1 / 255));
    return table256((v) => Math.fround((v - darkest) / scale));
  });
  return lookUpChannels(image, tables);
}
