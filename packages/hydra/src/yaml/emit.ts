import { floatRepr } from "@classifier-training/base";
import { analyzeScalar, isPrintable, readsAsOther } from "./analyze.ts";
import { Float } from "./scalars.ts";

const width = 80;
const step = 2;
/** A key whose text is longer (in UTF-8) is written after `? `. */
const longestSimpleKey = 128;

const isBreak = (char: string | undefined) =>
  char === "\n" || char === "\r" || char === "\x85" || char === "\u2028" || char === "\u2029";

export interface EmitOptions {
  /** Sort the keys of mappings, where they can be compared. */
  readonly sortKeys?: boolean;
}

/** What can be written: maps, arrays, scalars; plain objects count as maps. */
class Emitter {
  private out = "";
  private column = 0;
  private indent = -1;
  /** Whether the last thing written separates: no further blank is needed. */
  private whitespace = true;
  /** Whether only indentation and indicators stand on the line. */
  private indention = true;
  private readonly sortKeys: boolean;

  constructor({ sortKeys = false }: EmitOptions) {
    this.sortKeys = sortKeys;
  }

  document(value: unknown): string {
    this.node(value, false, false);
    this.writeIndentAt(0);
    return this.out;
  }

  private put(text: string): void {
    this.out += text;
    this.column += text.length;
  }

  private putBreak(char = "\n"): void {
    this.out += char;
    this.column = 0;
  }

  private writeIndentAt(indent: number): void {
    if (!this.indention || this.column > indent || (this.column === indent && !this.whitespace)) this.putBreak();
    if (this.column < indent) this.put(" ".repeat(indent - this.column));
    this.whitespace = true;
    this.indention = true;
  }

  private writeIndent(): void {
    this.writeIndentAt(Math.max(this.indent, 0));
  }

  private indicator(text: string, needsBlank: boolean, keepsIndention = false): void {
    if (needsBlank && !this.whitespace) this.put(" ");
    this.put(text);
    this.whitespace = false;
    this.indention &&= keepsIndention;
  }

  private node(value: unknown, inMapping: boolean, simpleKey: boolean): void {
    if (Array.isArray(value)) this.sequence(value, inMapping);
    else if (isMapping(value)) this.mapping(entriesOf(value));
    else this.scalar(value, simpleKey);
  }

  private deeper(indentless: boolean, action: () => void): void {
    const before = this.indent;
    if (before < 0) this.indent = 0;
    else if (!indentless) this.indent += step;
    action();
    this.indent = before;
  }

  private sequence(items: readonly unknown[], inMapping: boolean): void {
    if (items.length === 0) {
      this.indicator("[]", true);
      return;
    }
    this.deeper(inMapping && !this.indention, () => {
      for (const item of items) {
        this.writeIndent();
        this.indicator("-", true, true);
        this.node(item, false, false);
      }
    });
  }

  private mapping(entries: readonly (readonly [unknown, unknown])[]): void {
    if (entries.length === 0) {
      this.indicator("{}", true);
      return;
    }
    const ordered = this.sortKeys ? sorted(entries) : entries;
    this.deeper(false, () => {
      for (const [key, value] of ordered) {
        this.writeIndent();
        const simple = isSimpleKey(key);
        if (!simple) this.indicator("?", true, true);
        this.node(key, true, simple);
        if (!simple) this.writeIndent();
        this.indicator(":", !simple, !simple);
        this.node(value, true, false);
      }
    });
  }

  private scalar(value: unknown, simpleKey: boolean): void {
    const before = this.indent;
    this.indent = before < 0 ? step : before + step;
    if (typeof value === "string") this.string(value, simpleKey);
    else if (value instanceof Uint8Array) this.binary(value);
    else this.plain(scalarText(value), !simpleKey);
    this.indent = before;
  }

  private string(text: string, simpleKey: boolean): void {
    const form = analyzeScalar(text);
    const plain = form.plain && text !== "" && !readsAsOther(text);
    if (plain && !(simpleKey && form.multiline)) this.plain(text, !simpleKey);
    else if (form.single && !(simpleKey && form.multiline)) this.singleQuoted(text, !simpleKey);
    else this.doubleQuoted(text, !simpleKey);
  }

  private plain(text: string, mayFold: boolean): void {
    if (!this.whitespace) this.put(" ");
    if (text.length + this.column <= width || !mayFold) this.put(text);
    else this.folded([...text], true);
    this.whitespace = false;
    this.indention = false;
  }

  private singleQuoted(text: string, mayFold: boolean): void {
    this.indicator("'", true);
    this.folded([...text], mayFold, true);
    this.indicator("'", false);
    this.indention = false;
  }

  /** Text whose blanks may become line ends, once the line is full, and whose line breaks are doubled. */
  private folded(chars: readonly string[], mayFold: boolean, quoted = false): void {
    let spaces = false;
    let breaks = false;
    chars.forEach((char, index) => {
      if (char === " ") {
        const inside = !quoted || (index > 0 && index < chars.length - 1);
        if (mayFold && !spaces && this.column > width && inside && chars[index + 1] !== " ") this.writeIndent();
        else this.put(char);
        spaces = true;
      } else if (isBreak(char)) {
        if (!breaks && char === "\n") this.putBreak();
        this.putBreak(char);
        this.indention = true;
        breaks = true;
      } else {
        if (breaks) this.writeIndent();
        this.out += char === "'" && quoted ? "''" : char;
        this.column += char === "'" && quoted ? 2 : 1;
        this.indention = false;
        spaces = false;
        breaks = false;
      }
    });
    if (breaks) this.writeIndent();
  }

  private doubleQuoted(text: string, mayFold: boolean): void {
    const chars = [...text];
    let spaces = false;
    this.indicator('"', true);
    chars.forEach((char, index) => {
      if (char === " ") {
        if (mayFold && !spaces && this.column > width && index > 0 && index < chars.length - 1) {
          this.writeIndent();
          if (chars[index + 1] === " ") this.put("\\");
        } else {
          this.put(char);
        }
        spaces = true;
        return;
      }
      spaces = false;
      if (isPrintable(char) && !isBreak(char) && char !== '"' && char !== "\\") {
        this.out += char;
        this.column += 1;
      } else {
        this.put(escapeChar(char));
      }
    });
    this.indicator('"', false);
    this.indention = false;
  }

  private binary(bytes: Uint8Array): void {
    this.indicator("!!binary", true);
    this.indicator("|", true);
    const text = Buffer.from(bytes).toString("base64");
    const lines = text.match(/.{1,76}/g) ?? [];
    if (lines.length === 0) this.put("-");
    for (const line of lines) {
      this.putBreak();
      this.put(" ".repeat(this.indent) + line);
    }
    this.whitespace = false;
    this.indention = false;
  }
}

const escapeNames: Readonly<Record<string, string>> = {
  "\0": "0",
  "\x07": "a",
  "\b": "b",
  "\t": "t",
  "\n": "n",
  "\v": "v",
  "\f": "f",
  "\r": "r",
  "\x1b": "e",
  '"': '"',
  "\\": "\\",
  "\x85": "N",
  "\xa0": "_",
  "\u2028": "L",
  "\u2029": "P",
};

function escapeChar(char: string): string {
  const name = escapeNames[char];
  if (name !== undefined) return `\\${name}`;
  const code = char.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

function scalarText(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (value instanceof Float) return yamlFloat(value.value);
  if (typeof value === "number" && !Number.isInteger(value)) return yamlFloat(value);
  return String(value);
}

function yamlFloat(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
  const text = floatRepr(value);
  return text.includes(".") ? text : text.replace("e", ".0e");
}

function isMapping(value: unknown): value is object {
  return typeof value === "object" && value !== null && !(value instanceof Float) && !(value instanceof Uint8Array);
}

function entriesOf(value: object): (readonly [unknown, unknown])[] {
  return value instanceof Map ? [...value] : Object.entries(value);
}

function isSimpleKey(key: unknown): boolean {
  if (key instanceof Uint8Array) return false;
  if (typeof key !== "string") return true;
  if (key.length <= longestSimpleKey / 4 && !/[\n\r\x85\u2028\u2029]/.test(key)) return true;
  return !analyzeScalar(key).multiline && Buffer.byteLength(key) <= longestSimpleKey;
}

/** By key: strings by code points, numbers by value; as they are if there are both. */
function sorted(entries: readonly (readonly [unknown, unknown])[]): readonly (readonly [unknown, unknown])[] {
  if (entries.every(([key]) => typeof key === "string")) {
    return [...entries].sort(([a], [b]) => Buffer.compare(Buffer.from(a as string), Buffer.from(b as string)));
  }
  const numeric = (key: unknown) => typeof key === "number" || typeof key === "boolean" || key instanceof Float;
  if (!entries.every(([key]) => numeric(key))) return entries;
  return [...entries].sort(([a], [b]) => Number(a) - Number(b));
}

/** The text that PyYAML's dumper (libyaml) writes for a value in block style. */
export function emitYaml(value: unknown, options: EmitOptions = {}): string {
  return new Emitter(options).document(value);
}
