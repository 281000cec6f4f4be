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
    if (this.#text[0] !== "{") throw this.#error("expected '{'");
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
    if (this.#at < this.#text.length) throw this.#error("expected nothing after the closing brace");
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
      if (digits === undefined || !Number.isSafeInteger(value)) throw this.#error("expected an integer");
      numbers.push(value);
      if (numbers.length > maxDimensions) throw this.#error(`more than ${maxDimensions} numbers in a list`);
    } while (this.#accept(","));
    this.#expect("]");
    return numbers;
  }

  #string(): string {
    this.#space();
    const begin = this.#at;
    if (this.#text[begin] !== '"') throw this.#error("expected a string");
    // By search, not by a pattern: a string may hold megabytes, and a pattern would backtrack over all of them.
    let end = this.#text.indexOf('"', begin + 1);
    while (end > 0 && this.#isEscaped(end)) end = this.#text.indexOf('"', end + 1);
    if (end < 0) throw this.#error("expected a string, received no closing quote");
    this.#at = end + 1;
    try {
      return JSON.parse(this.#text.slice(begin, end + 1)) as string;
    } catch {
      throw this.#error("expected a string of JSON, received an unknown escape or a control character");
    }
  }

  #isEscaped(quote: number): boolean {
    let at = quote;
    while (this.#text[at - 1] === "\\") at--;
    return (quote - at) % 2 === 1;
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
    if (!this.#accept(sign)) throw this.#error(`expected '${sign}'`);
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
