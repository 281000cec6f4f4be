import { GrammarParseError } from "../errors.ts";
import type { Origin } from "../origin.ts";
import type { Argument, Element, Interpolation, TextPart } from "./ast.ts";
import { keyToken, skipBlanks, unescapeRun, type ValueToken, valueToken } from "./lexer.ts";

const deepest = 100;
const mostCached = 4096;
const cache = new Map<string, readonly TextPart[]>();

/** Parses a string with interpolations, by the grammar of OmegaConf. @throws GrammarParseError */
export function parseInterpolation(text: string): readonly TextPart[] {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const parts = new Parser(text).text(undefined);
  if (cache.size >= mostCached) cache.clear();
  cache.set(text, parts);
  return parts;
}

/** Parses one value as the argument of a resolver would be: for `oc.decode`. @throws GrammarParseError */
export function parseElement(text: string): Element {
  return new Parser(text).single();
}

interface Place {
  readonly origin: Origin | undefined;
  fullKey(): string;
}

const blanks = "[ \\t\\n\\r\\f\\v]*";
const simpleKey = "(?:[$\\w]+|\\[[$\\w]+\\])";
const simpleNode = `\\.*${simpleKey}(?:\\.[$\\w]+|\\[[$\\w]+\\])*${blanks}`;
const simpleName = `(?:[A-Za-z_][\\w-]*(?:\\.[A-Za-z_][\\w-]*)*${blanks})?`;
const simpleArg = `[A-Za-z_0-9/\\-+.$%*@?|]+${blanks}`;
const simpleCall = `${simpleName}:${blanks}${simpleArg}(?:,${blanks}${simpleArg})*`;
const outside = "(?:[^$]|\\$(?!\\{))*";
/** The common forms of interpolation: what looks like them is parsed when it is resolved, not before. */
const simple = new RegExp(`^${outside}(?:\\$\\{${blanks}(?:${simpleNode}|${simpleCall})\\}${outside})+$`);

/**
 * Checks the grammar of an interpolation when a value is set. As in OmegaConf, a text of the common forms is taken to
 * be right without parsing it.
 * @throws GrammarParseError that names the key
 */
export function checkInterpolation(text: string, at: Place): void {
  if (cache.has(text) || simple.test(text)) return;
  try {
    parseInterpolation(text);
  } catch (error) {
    if (!(error instanceof GrammarParseError)) throw error;
    const { origin } = at;
    throw new GrammarParseError({ what: error.problem.what, fullKey: at.fullKey(), origin, column: error.column });
  }
}

class Parser {
  private readonly source: string;
  private index = 0;
  private depth = 0;

  constructor(source: string) {
    this.source = source;
  }

  private fail(what: string): GrammarParseError {
    const shown = this.source.length > 200 ? `${this.source.slice(0, 200)}...` : this.source;
    const column = this.index;
    return new GrammarParseError({ what: `${what} at column ${column + 1} of '${shown}'`, column });
  }

  /** Text up to the closing quote, or to the end of the source. */
  text(quote: string | undefined): TextPart[] {
    const { source } = this;
    const parts: TextPart[] = [];
    /** Backslashes that count double when an interpolation or the closing quote follows. */
    let halvable = "";
    const literal = (text: string) => {
      const last = parts.length - 1;
      const before = parts[last];
      if (typeof before === "string") parts[last] = before + halvable + text;
      else if (halvable + text !== "") parts.push(halvable + text);
      halvable = "";
    };
    const halve = () => {
      halvable = halvable.slice(halvable.length / 2);
      literal("");
    };
    for (;;) {
      const char = source[this.index];
      if (char === undefined) {
        if (quote !== undefined) throw this.fail("a quoted string does not end");
        literal("");
        return parts;
      }
      if (char === quote) {
        halve();
        this.index++;
        return parts;
      }
      if (source.startsWith("${", this.index)) {
        halve();
        parts.push(this.interpolation());
        continue;
      }
      if (char === "$") {
        literal("$");
        this.index++;
        continue;
      }
      const end = this.endOfRun(quote);
      let body = end;
      while (body > this.index && source[body - 1] === "\\") body--;
      if (body > this.index) literal(source.slice(this.index, body));
      halvable = this.backslashes(body, end, quote, literal);
    }
  }

  /** Index of the next `$` or quote. */
  private endOfRun(quote: string | undefined): number {
    let end = this.index;
    while (end < this.source.length && this.source[end] !== "$" && this.source[end] !== quote) end++;
    return end;
  }

  /** Reads the backslashes from `from` to `to`, with the character they escape; returns those not yet decided. */
  private backslashes(from: number, to: number, quote: string | undefined, literal: (text: string) => void): string {
    const count = to - from;
    this.index = to;
    if (count % 2 === 0) return "\\".repeat(count);
    const half = "\\".repeat((count - 1) / 2);
    if (this.source.startsWith("${", to)) {
      literal(`${half}\${`);
      this.index += 2;
    } else if (quote !== undefined && this.source[to] === quote) {
      literal(half + quote);
      this.index++;
    } else {
      literal("\\".repeat(count));
    }
    return "";
  }

  private interpolation(): Interpolation {
    if (++this.depth > deepest) throw this.fail(`interpolations are nested deeper than ${deepest} levels`);
    const start = this.index;
    this.index = skipBlanks(this.source, start + 2);
    const found = this.reference(start);
    this.depth--;
    return found;
  }

  private reference(start: number): Interpolation {
    const { source } = this;
    const parts: TextPart[] = [];
    let mayBeResolver = source[this.index] !== ".";
    while (source[this.index] === ".") parts.push(this.punctuation());
    for (let first = true; ; first = false) {
      const char = source[this.index];
      if (char === "[") {
        mayBeResolver = false;
        parts.push(this.punctuation());
        parts.push(this.key().part);
        if (source[this.index] !== "]") throw this.fail("expected ']'");
        parts.push(this.punctuation());
      } else if (first || char === ".") {
        if (!first) parts.push(this.punctuation());
        const key = this.key();
        mayBeResolver &&= key.isName;
        parts.push(key.part);
      } else {
        break;
      }
    }
    const end = skipBlanks(source, this.index);
    if (source[end] === "}") {
      this.index = end + 1;
      return { kind: "node", parts, source: source.slice(start, this.index) };
    }
    if (source[end] !== ":") throw this.fail("expected '}' or ':'");
    if (!mayBeResolver)
      throw this.fail("the name of a resolver must be names with dots between them, and no ':' in a key");
    this.index = skipBlanks(source, end + 1);
    const args = this.sequence("}");
    return { kind: "resolver", name: parts, args, source: source.slice(start, this.index) };
  }

  private punctuation(): string {
    return this.source[this.index++] as string;
  }

  private key(): { part: TextPart; isName: boolean } {
    if (this.source.startsWith("${", this.index)) return { part: this.interpolation(), isName: true };
    const token = keyToken(this.source, this.index);
    if (token === undefined) throw this.fail("expected a key");
    this.index += token.text.length;
    return { part: token.text, isName: token.isName };
  }

  private peek(): ValueToken {
    return valueToken(this.source, this.index);
  }

  single(): Element {
    const element = this.element();
    if (this.peek().kind !== "end") throw this.fail("expected the end of the value");
    return element;
  }

  /** Elements up to the closing bracket, which it passes; what is missing between commas is an empty string. */
  private sequence(close: "}" | "]"): Argument[] {
    const elements: Argument[] = [];
    const empty: Argument = { element: { kind: "value", value: "" }, source: "" };
    for (let afterComma = false; ; ) {
      const token = this.peek();
      if (token.kind === close) {
        if (afterComma) elements.push(empty);
        this.index += token.text.length;
        return elements;
      }
      if (token.kind === ",") {
        if (afterComma || elements.length === 0) elements.push(empty);
        afterComma = true;
        this.index += token.text.length;
        continue;
      }
      if (!afterComma && elements.length > 0) throw this.fail(`expected ',' or '${close}'`);
      const from = this.index;
      const element = this.element();
      elements.push({ element, source: this.source.slice(from, this.index) });
      afterComma = false;
    }
  }

  private element(): Element {
    if (++this.depth > deepest) throw this.fail(`values are nested deeper than ${deepest} levels`);
    const token = this.peek();
    let element: Element;
    if (token.kind === "quote") {
      this.index += 1;
      element = { kind: "text", parts: this.text(token.text), quoted: true };
    } else if (token.kind === "[") {
      this.index += token.text.length;
      element = { kind: "list", items: this.sequence("]").map((item) => item.element) };
    } else if (token.kind === "{") {
      this.index += token.text.length;
      element = this.dict();
    } else {
      element = this.primitive(true);
    }
    this.depth--;
    return element;
  }

  private dict(): Element {
    const entries: { key: Element; value: Element }[] = [];
    for (let token = this.peek(); token.kind !== "}"; token = this.peek()) {
      if (entries.length > 0) {
        if (token.kind !== ",") throw this.fail("expected ',' or '}'");
        this.index += token.text.length;
      }
      const key = this.primitive(false);
      const colon = this.peek();
      if (colon.kind !== ":") throw this.fail("expected ':'");
      this.index += colon.text.length;
      entries.push({ key, value: this.element() });
    }
    this.index += this.peek().text.length;
    return { kind: "dict", entries };
  }

  /** A run of tokens: one alone keeps its type, several are joined to a string. */
  private primitive(isValue: boolean): Element {
    const tokens: ValueToken[] = [];
    const parts: TextPart[] = [];
    for (;;) {
      const token = this.peek();
      if (token.kind === "open" && isValue) {
        parts.push(this.interpolation());
      } else if (isPrimitive(token) || (token.kind === ":" && isValue)) {
        parts.push(token.kind === "escape" ? unescapeRun(token.text) : token.text);
        this.index += token.text.length;
      } else {
        break;
      }
      tokens.push(token);
    }
    const [only] = tokens;
    if (only === undefined || (tokens.length === 1 && only.kind === "blank")) throw this.fail("expected a value");
    if (tokens.length === 1 && only.kind === "atom") return { kind: "value", value: only.value ?? null };
    if (tokens.length === 1 && typeof parts[0] === "string") return { kind: "value", value: parts[0] };
    return { kind: "text", parts, quoted: false };
  }
}

function isPrimitive({ kind }: ValueToken): boolean {
  return kind === "atom" || kind === "word" || kind === "escape" || kind === "blank";
}
