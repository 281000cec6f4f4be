import { type RgbPixels, readerError } from "./reader.ts";

/**
 * The first frame of a GIF, as Pillow's `convert("RGB")` gives it: transparent pixels have the color that the palette has
 * for them, and what the frame does not cover the color of the transparent index, or of index 0.
 * @throws RangeError saying what is broken
 */
export function decodeGif(bytes: Uint8Array, allow: (width: number, height: number) => void): RgbPixels {
  const short = (at: number) => {
    if (at + 1 >= bytes.length) throw readerError("the file is cut off");
    return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  };
  let palette = grays();
  let at = 13;
  const table = (flags: number) => {
    if ((flags & 128) === 0) return;
    const length = 3 * 2 ** ((flags & 7) + 1);
    if (at + length > bytes.length) throw readerError("the file is cut off");
    palette = grays();
    palette.set(bytes.subarray(at, at + length));
    at += length;
  };
  table(bytes[10] as number);
  let transparent = 0;
  for (;;) {
    const kind = bytes[at++];
    if (kind === 0x21) {
      const label = bytes[at++];
      if (label === 0xf9 && ((bytes[at + 1] as number) & 1) === 1) transparent = bytes[at + 4] as number;
      at = skipBlocks(bytes, at);
    } else if (kind === 0x2c) break;
    else if (kind === undefined || kind === 0x3b) throw readerError("it has no frame");
  }
  const [left, top, frameWidth, frameHeight] = [short(at), short(at + 2), short(at + 4), short(at + 6)];
  // A frame that reaches beyond the screen enlarges it, as in Pillow.
  const width = Math.max(short(6), left + frameWidth);
  const height = Math.max(short(8), top + frameHeight);
  if (frameWidth === 0 || frameHeight === 0) throw readerError("it has no pixels");
  allow(width, height);
  const flags = bytes[at + 8] as number;
  at += 9;
  table(flags);
  const indices = inflateLzw(bytes, at, frameWidth * frameHeight);
  const data = new Uint8Array(width * height * 3);
  const color = (index: number, to: number) => data.set(palette.subarray(3 * index, 3 * index + 3), to);
  for (let i = 0; i < width * height; i++) color(transparent, 3 * i);
  const rows = (flags & 64) === 0 ? undefined : interlaced(frameHeight);
  for (let row = 0; row < frameHeight; row++) {
    const y = top + (rows?.[row] ?? row);
    for (let x = 0; x < frameWidth; x++) {
      color(indices[row * frameWidth + x] as number, 3 * (y * width + left + x));
    }
  }
  return { width, height, data };
}

const grays = () => Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3));

/** Where the rows of an interlaced frame belong, in the order of the file. */
function interlaced(height: number): number[] {
  const passes = [
    [0, 8],
    [4, 8],
    [2, 4],
    [1, 2],
  ] as const;
  const rows: number[] = [];
  for (const [start, step] of passes) for (let y = start; y < height; y += step) rows.push(y);
  return rows;
}

function skipBlocks(bytes: Uint8Array, from: number): number {
  let at = from;
  for (let length = bytes[at++]; length !== undefined && length > 0; length = bytes[at++]) at += length;
  return at;
}

/** GIF's LZW: codes of growing length, least significant bits first, in blocks of up to 255 bytes. */
function inflateLzw(bytes: Uint8Array, start: number, count: number): Uint8Array {
  const minimum = bytes[start] as number;
  if (!(minimum >= 1 && minimum <= 11)) throw readerError("its code size is wrong");
  const clear = 1 << minimum;
  const out = new Uint8Array(count);
  const prefix = new Uint16Array(4096);
  const suffix = new Uint8Array(4096);
  const stack = new Uint8Array(4097);
  let at = start + 1;
  let blockEnd = at;
  let bits = 0;
  let available = 0;
  let size = minimum + 1;
  let next = clear + 2;
  let previous = -1;
  let first = 0;
  let made = 0;
  while (made < count) {
    while (available < size) {
      if (at >= blockEnd) {
        const length = bytes[at];
        if (length === undefined || length === 0) throw readerError("the file is cut off");
        at++;
        blockEnd = at + length;
      }
      if (at >= bytes.length) throw readerError("the file is cut off");
      bits |= (bytes[at++] as number) << available;
      available += 8;
    }
    const code = bits & ((1 << size) - 1);
    bits >>>= size;
    available -= size;
    if (code === clear) {
      size = minimum + 1;
      next = clear + 2;
      previous = -1;
      continue;
    }
    if (code === clear + 1) throw readerError("it has fewer pixels than its size says");
    if (code > next || (code === next && previous < 0)) throw readerError("its pixels are damaged");
    let depth = 0;
    let walk = code;
    if (code === next) {
      stack[depth++] = first;
      walk = previous;
    }
    for (; walk > clear; walk = prefix[walk] as number) stack[depth++] = suffix[walk] as number;
    first = walk;
    stack[depth++] = first;
    while (depth > 0 && made < count) out[made++] = stack[--depth] as number;
    if (previous >= 0 && next < 4096) {
      prefix[next] = previous;
      suffix[next++] = first;
      if (next === 1 << size && size < 12) size++;
    }
    previous = code;
  }
  return out;
}
