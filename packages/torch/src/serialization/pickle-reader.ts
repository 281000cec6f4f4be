import { badFile, type SerializationError } from "./errors.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const latin1 = new TextDecoder("latin1");

/** Reads the operands of pickle instructions from bytes, within bounds. */
export class PickleReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly where: string;
  at = 0;

  constructor(bytes: Uint8Array, where: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.where = where;
  }

  bytes(count: number): Uint8Array {
    if (count < 0 || count > this.#bytes.byteLength - this.at) {
      throw this.error(`expected ${count} bytes, ${this.#bytes.byteLength - this.at} are left`);
    }
    this.at += count;
    return this.#bytes.subarray(this.at - count, this.at);
  }

  uint8(): number {
    return this.bytes(1)[0] as number;
  }

  uint16(): number {
    this.bytes(2);
    return this.#view.getUint16(this.at - 2, true);
  }

  uint32(): number {
    this.bytes(4);
    return this.#view.getUint32(this.at - 4, true);
  }

  int32(): number {
    return this.uint32() | 0;
  }

  /** A 64-bit length. */
  uint64(): number {
    this.bytes(8);
    return Number(this.#view.getBigUint64(this.at - 8, true));
  }

  /** Big-endian, as BINFLOAT has it. */
  float64(): number {
    this.bytes(8);
    return this.#view.getFloat64(this.at - 8, false);
  }

  /** A little-endian two's complement integer of any length; a number when it is exact as one. */
  integer(length: number): number | bigint {
    if (length > 1024) throw this.error(`an integer of ${length} bytes`);
    let value = 0n;
    const bytes = this.bytes(length);
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
    return narrow(length > 0 ? BigInt.asIntN(length * 8, value) : 0n);
  }

  utf8(length: number): string {
    try {
      return utf8.decode(this.bytes(length));
    } catch {
      throw this.error("a string is not UTF-8");
    }
  }

  /** A Python 2 string: bytes that a reader takes for Latin-1. */
  latin1(length: number): string {
    return latin1.decode(this.bytes(length));
  }

  /** A line of text, without its end. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.at);
    if (end === -1) throw this.error("a line does not end");
    const text = this.latin1(end - this.at);
    this.at++;
    return text;
  }

  /** An integer written as a line of digits; `00` and `01` are protocol 0's booleans. */
  integerLine(): number | bigint | boolean {
    const text = this.line().replace(/L$/, "");
    if (text === "00" || text === "01") return text === "01";
    if (!/^[+-]?\d{1,400}$/.test(text)) throw this.error(`expected an integer, received '${text}'`);
    return narrow(BigInt(text));
  }

  floatLine(): number {
    const text = this.line();
    const special = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, "-inf": Number.NEGATIVE_INFINITY }[text];
    const value = special ?? Number(text);
    if (special === undefined && !/^[+-]?[\d.]+(?:e[+-]?\d+)?$/i.test(text))
      throw this.error(`expected a number, received '${text}'`);
    return value;
  }

  /** A quoted string as Python's repr writes it. */
  quotedLine(): string {
    const text = /^(['"])(.*)\1$/.exec(this.line())?.[2];
    if (text === undefined || text.includes("\\")) throw this.error("a quoted string is not plain");
    return text;
  }

  /** A line with `\uXXXX` for what is not Latin-1. */
  escapedLine(): string {
    return this.line().replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_, short?: string, long?: string) => {
      const code = Number.parseInt(short ?? (long as string), 16);
      if (code > 0x10ffff) throw this.error("a character that does not exist");
      return String.fromCodePoint(code);
    });
  }

  error(what: string): SerializationError {
    return badFile(this.where, `its pickle is damaged or invalid: ${what} (at byte ${this.at})`);
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
