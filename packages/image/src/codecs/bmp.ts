import { type RgbPixels, readerError } from "./reader.ts";

/** Masks of red, green and blue, for pixels of 16 and 32 bits without masks of their own. */
const usualMasks = { 16: [0x7c00, 0x3e0, 0x1f], 32: [0xff0000, 0xff00, 0xff] } as const;
const rle8 = 1;
const rle4 = 2;
const bitfields = 3;

interface BmpHeader {
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  readonly bits: 1 | 4 | 8 | 16 | 24 | 32;
  readonly compression: number;
  readonly masks: readonly number[];
  readonly palette: Uint8Array;
  /** Where the pixels start. */
  readonly offset: number;
}

/**
 * Windows and OS/2 bitmaps as Pillow reads them: 1, 4, 8, 16, 24 and 32 bits, bit fields, RLE4 and RLE8, rows from the bottom
 * up or from the top down. An alpha channel is dropped.
 * @throws RangeError saying what is broken or not supported
 */
export function decodeBmp(bytes: Uint8Array, allow: (width: number, height: number) => void): RgbPixels {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(view, bytes);
  allow(header.width, header.height);
  const { width, height, bits, compression } = header;
  const data = new Uint8Array(width * height * 3);
  if (compression === rle8 || compression === rle4) {
    const indices = expandRuns(bytes, header);
    for (let i = 0; i < indices.length; i++) copyColor(header.palette, indices[i] as number, data, 3 * i);
    return { width, height, data: header.topDown ? data : flipped(data, width, height) };
  }
  const stride = (((width * bits + 31) >> 3) & ~3) >>> 0;
  if (header.offset + stride * (height - 1) + Math.ceil((width * bits) / 8) > bytes.length)
    throw readerError("the file is cut off");
  for (let y = 0; y < height; y++) {
    const row = header.offset + (header.topDown ? y : height - 1 - y) * stride;
    readRow(view, bytes, row, header, data, y * width * 3);
  }
  return { width, height, data };
}

function readHeader(view: DataView, bytes: Uint8Array): BmpHeader {
  if (bytes.length < 26) throw readerError("the header is cut off");
  const size = view.getUint32(14, true);
  const old = size === 12;
  if (!old && ![40, 52, 56, 64, 108, 124].includes(size))
    throw readerError(`a BMP header of ${size} bytes is not supported`);
  if (bytes.length < 14 + size) throw readerError("the header is cut off");
  const height = old ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(old ? 24 : 28, true);
  const compression = old ? 0 : view.getUint32(30, true);
  const colors = (old ? 0 : view.getUint32(46, true)) || 2 ** Math.min(bits, 24);
  const header = {
    width: old ? view.getUint16(18, true) : view.getInt32(18, true),
    height: Math.abs(height),
    topDown: height < 0,
    bits: bits as BmpHeader["bits"],
    compression,
  };
  if (header.width <= 0 || header.height === 0) throw readerError("it has no pixels");
  if (![1, 4, 8, 16, 24, 32].includes(bits)) throw readerError(`BMP with ${bits} bits a pixel is not supported`);
  const fits =
    compression === 0 ||
    (compression === rle8 && bits === 8) ||
    (compression === rle4 && bits === 4) ||
    (compression === bitfields && bits >= 16);
  if (!fits) throw readerError(`BMP compression ${compression} with ${bits} bits is not supported`);
  // Behind a header of 40 bytes the masks follow; larger ones hold them.
  const ownMasks = compression === bitfields && bits !== 24;
  const paletteAt = 14 + size + (compression === bitfields && size === 40 ? 12 : 0);
  if (bytes.length < paletteAt) throw readerError("the header is cut off");
  const masks = ownMasks ? [54, 58, 62].map((at) => view.getUint32(at, true)) : (usualMasks[bits as 16] ?? []);
  const entry = old ? 3 : 4;
  const offset = view.getUint32(10, true);
  const palette = bits <= 8 ? readPalette(bytes, paletteAt, Math.min(colors, 256), entry) : new Uint8Array(0);
  // Some writers leave the palette out of the offset.
  const start = bits <= 8 && offset === 14 + size ? offset + entry * colors : offset;
  return {
    ...header,
    masks: masks.every((mask) => mask === 0) ? (usualMasks[bits as 16] ?? []) : masks,
    palette,
    offset: start,
  };
}

/** 256 colors as RGB; those that the file does not have are grays, as in Pillow. */
function readPalette(bytes: Uint8Array, at: number, colors: number, entry: number): Uint8Array {
  const palette = Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3));
  for (let i = 0; i < colors && at + entry * i + 2 < bytes.length; i++) {
    for (let c = 0; c < 3; c++) palette[3 * i + c] = bytes[at + entry * i + 2 - c] as number;
  }
  return palette;
}

function copyColor(palette: Uint8Array, index: number, out: Uint8Array, at: number): void {
  out[at] = palette[3 * index] as number;
  out[at + 1] = palette[3 * index + 1] as number;
  out[at + 2] = palette[3 * index + 2] as number;
}

function readRow(view: DataView, bytes: Uint8Array, row: number, header: BmpHeader, out: Uint8Array, to: number): void {
  const { width, bits, masks, palette } = header;
  if (bits <= 8) {
    const perByte = 8 / bits;
    const mask = 2 ** bits - 1;
    for (let x = 0; x < width; x++) {
      const byte = bytes[row + Math.floor(x / perByte)] as number;
      copyColor(palette, (byte >> (8 - bits * ((x % perByte) + 1))) & mask, out, to + 3 * x);
    }
    return;
  }
  if (bits === 24) {
    for (let x = 0, at = row; x < width; x++, at += 3) {
      for (let c = 0; c < 3; c++) out[to + 3 * x + c] = bytes[at + 2 - c] as number;
    }
    return;
  }
  const channels = masks.map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
    return { mask, shift, most: Math.max(1, mask >>> shift) };
  });
  for (let x = 0; x < width; x++) {
    const pixel = bits === 16 ? view.getUint16(row + 2 * x, true) : view.getUint32(row + 4 * x, true);
    for (const [c, { mask, shift, most }] of channels.entries()) {
      out[to + 3 * x + c] = Math.floor((((pixel & mask) >>> shift) * 255) / most);
    }
  }
}

/** The indices of a run-length encoded bitmap, row by row as in the file; what it skips is color 0. */
function expandRuns(bytes: Uint8Array, { width, height, compression, offset }: BmpHeader): Uint8Array {
  const out = new Uint8Array(width * height);
  const nibbles = compression === rle4;
  let x = 0;
  let y = 0;
  let at = offset;
  const put = (index: number) => {
    if (x < width && y < height) out[y * width + x] = index;
    x++;
  };
  while (y < height) {
    if (at + 1 >= bytes.length) {
      // The last row may be complete without an end mark.
      if (y === height - 1 && x >= width) break;
      throw readerError("the file is cut off");
    }
    const count = bytes[at] as number;
    const value = bytes[at + 1] as number;
    at += 2;
    if (count > 0) {
      for (let i = 0; i < count; i++) put(nibbles ? (i % 2 === 0 ? value >> 4 : value & 15) : value);
    } else if (value === 0) {
      x = 0;
      y++;
    } else if (value === 1) break;
    else if (value === 2) {
      x += bytes[at] ?? 0;
      y += bytes[at + 1] ?? 0;
      at += 2;
    } else {
      const length = nibbles ? (value + 1) >> 1 : value;
      if (at + length > bytes.length) throw readerError("the file is cut off");
      for (let i = 0; i < value; i++) {
        const byte = bytes[at + (nibbles ? i >> 1 : i)] as number;
        put(nibbles ? (i % 2 === 0 ? byte >> 4 : byte & 15) : byte);
      }
      at += length + (length & 1);
    }
  }
  return out;
}

function flipped(data: Uint8Array, width: number, height: number): Uint8Array {
  const out = new Uint8Array(data.length);
  const length = width * 3;
  for (let y = 0; y < height; y++) out.set(data.subarray((height - 1 - y) * length, (height - y) * length), y * length);
  return out;
}
