import { roundHalfEven } from "../functional/crop.ts";
import { type RgbPixels, readerError } from "./reader.ts";

/**
 * Netpbm files, P1 to P6 (PBM, PGM and PPM as text and binary), with comments and a largest value of up to 65535. Values
 * are scaled to 0..255; those of 16-bit grays too, which Pillow would clip.
 * @throws RangeError saying what is broken or not supported
 */
export function decodePnm(bytes: Uint8Array, allow: (width: number, height: number) => void): RgbPixels {
  const kind = (bytes[1] as number) - 48;
  const bitmap = kind === 1 || kind === 4;
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const tokens = new Tokens(bytes, 2);
  const width = tokens.number("width");
  const height = tokens.number("height");
  const most = bitmap ? 1 : tokens.number("largest value");
  if (width === 0 || height === 0) throw readerError("it has no pixels");
  if (most === 0 || most > 65535) throw readerError(`the largest value is ${most}, expected 1 to 65535`);
  allow(width, height);
  const count = width * height * channels;
  const values =
    kind <= 3 ? textValues(tokens, count, most, bitmap) : binaryValues(bytes, tokens.at + 1, width, height, most, kind);
  const scaled = Uint8Array.from({ length: most + 1 }, (_, value) =>
    bitmap ? 255 * (1 - value) : roundHalfEven((value / most) * 255),
  );
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const value = values[channels === 3 ? i : Math.floor(i / 3)] as number;
    data[i] = scaled[Math.min(value, most)] as number;
  }
  return { width, height, data };
}

/** Words between white space, without comments (from # to the end of the line). */
class Tokens {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** Past white space and comments; false at the end of the file. */
  skip(): boolean {
    for (; this.at < this.#bytes.length; this.at++) {
      const byte = this.#bytes[this.at] as number;
      if (byte === 35) {
        while (this.at < this.#bytes.length && this.#bytes[this.at] !== 10 && this.#bytes[this.at] !== 13) this.at++;
      } else if (!isSpace(byte)) return true;
    }
    return false;
  }

  number(what: string): number {
    if (!this.skip()) throw readerError("the file is cut off");
    const start = this.at;
    let value = 0;
    for (; this.at < this.#bytes.length; this.at++) {
      const digit = (this.#bytes[this.at] as number) - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const next = this.#bytes[this.at];
    const ends = next === undefined || isSpace(next) || next === 35;
    if (this.at === start || !ends || this.at - start > 10) throw readerError(`its ${what} is not a number`);
    return value;
  }

  /** One digit of a bitmap, which need not be separated. */
  bit(): number {
    if (!this.skip()) throw readerError("the file is cut off");
    const value = (this.#bytes[this.at++] as number) - 48;
    if (value !== 0 && value !== 1) throw readerError("its pixels are not 0 and 1");
    return value;
  }
}

function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}

function textValues(tokens: Tokens, count: number, most: number, bitmap: boolean): Uint16Array {
  const values = new Uint16Array(count);
  for (let i = 0; i < count; i++) {
    const value = bitmap ? tokens.bit() : tokens.number("pixel");
    if (value > most) throw readerError(`a value is ${value}, and the largest should be ${most}`);
    values[i] = value;
  }
  return values;
}

function binaryValues(
  bytes: Uint8Array,
  at: number,
  width: number,
  height: number,
  most: number,
  kind: number,
): Uint8Array | Uint16Array {
  const perRow = kind === 4 ? (width + 7) >> 3 : width * (kind === 6 ? 3 : 1) * (most > 255 ? 2 : 1);
  if (at + perRow * height > bytes.length) throw readerError("the file is cut off");
  if (kind === 4) {
    const bits = new Uint8Array(width * height);
    for (let i = 0; i < bits.length; i++) {
      const x = i % width;
      const byte = bytes[at + Math.floor(i / width) * perRow + (x >> 3)] as number;
      bits[i] = (byte >> (7 - (x & 7))) & 1;
    }
    return bits;
  }
  if (most <= 255) return bytes.subarray(at, at + perRow * height);
  const values = new Uint16Array((perRow * height) / 2);
  for (let i = 0; i < values.length; i++)
    values[i] = ((bytes[at + 2 * i] as number) << 8) | (bytes[at + 2 * i + 1] as number);
  return values;
}
