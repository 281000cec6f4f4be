import { badFile, type SerializationError } from "./errors.ts";

/** A tensor as the header states it, not yet checked. */
export interface RawEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offsets: readonly [begin: number, end: number];
}

/**
 * Reads exactly the JSON that a safetensors header may be, and nothing else: JSON.parse would let a name given twice
 * pass, and build whatever else a hostile file nests.
 */
export class HeaderScanner {
  readonly #text: string;
  readonly #where: string;
  #at = 0;

  constructor(text: string, where: string) {
    this.#text = text;
    this.#where = where;
  }

  read(): { tensors: Map<string, RawEntry>; metadata: Record<string, string> } {
    const tensors = new Map<string, RawEntry>();
    let metadata: Record<string, string> | undefined;
    if (this.#text[0] !== "{") throw this.#error("'{' is expected");
    this.#object((name) => {
      if (name === "__metadata__") {
        if (metadata) throw this.#error("__metadata__ is given twice");
        metadata = this.#metadata();
        return;
      }
      if (tensors.has(name)) throw this.#error(`tensor ${JSON.stringify(name)} is given twice`);
      tensors.set(name, this.#tensor(name));
    });
    this.#space();
    if (this.#at < this.#text.length) throw this.#error("nothing is expected after the closing brace");
    return { tensors, metadata: metadata ?? {} };
  }

  #metadata(): Record<string, string> {
    const entries = new Map<string, string>();
    this.#object((key) => {
      if (entries.has(key)) throw this.#error(`metadata ${JSON.stringify(key)} is given twice`);
      entries.set(key, this.#string());
    });
    return Object.fromEntries(entries);
  }

  #tensor(name: string): RawEntry {
    let dtype: string | undefined;
    let shape: number[] | undefined;
    let offsets: number[] | undefined;
    this.#object((key) => {
      if (key === "dtype" && dtype === undefined) dtype = this.#string();
      else if (key === "shape" && shape === undefined) shape = this.#integers();
      else if (key === "data_offsets" && offsets === undefined) offsets = this.#integers();
      else throw this.#error(`${JSON.stringify(key)} of tensor ${JSON.stringify(name)} is unknown or given twice`);
    });
    const [begin, end, ...more] = offsets ?? [];
    if (dtype === undefined || shape === undefined || begin === undefined || end === undefined || more.length > 0) {
      throw this.#error(`tensor ${JSON.stringify(name)} needs dtype, shape and two data_offsets`);
    }
    return { dtype, shape, offsets: [begin, end] };
  }

  #object(entry: (key: string) => void): void {
    this.#expect("{");
    if (this.#accept("}")) return;
    do {
      const key = this.#string();
      this.#expect(":");
      entry(key);
    } while (this.#accept(","));
    this.#expect("}");
  }

  #integers(): number[] {
    const numbers: number[] = [];
    this.#expect("[");
    if (this.#accept("]")) return numbers;
    do {
      this.#space();
      const digits = this.#match(/(?:0|[1-9]\d{0,19})(?![\d.eE])/y);
      const value = Number(digits);
      if (digits === undefined || !Number.isSafeInteger(value)) throw this.#error("a whole number is expected");
      numbers.push(value);
      if (numbers.length > maxDimensions) throw this.#error(`more than ${maxDimensions} numbers in a list`);
    } while (this.#accept(","));
    this.#expect("]");
    return numbers;
  }

  #string(): string {
    this.#space();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in strings, so they end the match.
    const literal = this.#match(/"(?:[^"\\\u0000-\u001f]|\\.)*"/sy);
    if (literal === undefined) throw this.#error("a string is expected");
    try {
      return JSON.parse(literal) as string;
    } catch {
      throw this.#error("a string has an escape that JSON does not know");
    }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #accept(sign: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#accept(sign)) throw this.#error(`'${sign}' is expected`);
  }

  #space(): void {
    while (" \n\r\t".includes(this.#text[this.#at] ?? "x")) this.#at++;
  }

  #error(what: string): SerializationError {
    return badFile(this.#where, `its header is not a safetensors header: ${what} at character ${this.#at}`);
  }
}

/** LibTorch itself allows 64. */
const maxDimensions = 64;
