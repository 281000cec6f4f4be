import { asFloat, asInt, Float } from "../yaml/scalars.ts";
import { OverrideFunctionError, OverrideParseError } from "./errors.ts";
import { callFunction } from "./functions.ts";
import { type Token, type TokenKind, tokenize } from "./lexer.ts";
import { Override, type OverrideType, type ValueType } from "./override.ts";
import { unescapePairs, unquote } from "./text.ts";
import {
  ChoiceSweep,
  Glob,
  IntervalSweep,
  ListEdit,
  type Parsed,
  QuotedString,
  RangeSweep,
  type Scalar,
} from "./values.ts";

/** Lists in lists, maps and calls may be nested this deep; a limit keeps the parser off the end of the stack. */
const deepest = 200;

const primitiveKinds: ReadonlySet<TokenKind> = new Set<TokenKind>([
  "id",
  "null",
  "int",
  "float",
  "bool",
  "interpolation",
  "unquotedChar",
  "colon",
  "escape",
  "space",
]);
const mapKeyKinds: ReadonlySet<TokenKind> = new Set<TokenKind>(
  [...primitiveKinds].filter((kind) => kind !== "colon" && kind !== "interpolation"),
);

/** Parses one override. Throws {@link OverrideParseError}. */
export function parseOverride(input: string): Override {
  return new OverrideParser(input, "key").override();
}

/** Parses a value alone, as it would stand after the `=` of an override. Throws {@link OverrideParseError}. */
export function parseValue(input: string): Parsed {
  return new OverrideParser(input, "value").wholeValue();
}

/** A recursive-descent parser of Hydra's override grammar; each method is one rule of it. */
class OverrideParser {
  readonly #input: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(input: string, mode: "key" | "value") {
    this.#input = input;
    this.#tokens = tokenize(input, mode);
  }

  override(): Override {
    let type: OverrideType = "CHANGE";
    if (this.#accept("tilde")) type = "DEL";
    else if (this.#accept("plus")) type = this.#accept("plus") ? "FORCE_ADD" : "ADD";
    const { keyOrGroup, package: packageName } = this.#key();
    let rawValue: Parsed | undefined;
    let valueType: ValueType | undefined;
    if (type !== "DEL" || this.#peek().kind !== "end") {
      this.#expect("equal", "expected '='");
      const start = this.#peek();
      rawValue = start.kind === "end" ? "" : this.#value();
      if (rawValue instanceof ListEdit) {
        if (type !== "CHANGE") throw this.#error("Trying to use override symbols when extending a list", start);
        type = rawValue.kind === "extend" ? "EXTEND_LIST" : "REMOVE_FROM_LIST";
        rawValue = rawValue.values;
      }
      valueType = valueTypeOf(rawValue);
    }
    this.#expectEnd();
    return new Override({ type, keyOrGroup, package: packageName, rawValue, valueType, inputLine: this.#input });
  }

  wholeValue(): Parsed {
    const value = this.#value();
    this.#expectEnd();
    return value;
  }

  #key(): { keyOrGroup: string; package: string | undefined } {
    let keyOrGroup = this.#packageName();
    if (this.#peek().kind === "slash") {
      if (this.#tokens[this.#at - 1]?.kind !== "id") throw this.#error("a config group is written a/b/c");
      while (this.#accept("slash")) keyOrGroup += `/${this.#expect("id", "expected a name after '/'").text}`;
    }
    if (!this.#accept("at")) return { keyOrGroup, package: undefined };
    return { keyOrGroup, package: this.#packageName() };
  }

  /** A dotted path, or nothing, which is the global package. */
  #packageName(): string {
    const token = this.#peek();
    if (token.kind !== "id" && token.kind !== "specialKey" && token.kind !== "dotPath") return "";
    this.#at++;
    return token.text;
  }

  #value(): Parsed {
    const first = this.#element();
    if (this.#peek().kind !== "comma") return first;
    const list = [first];
    while (this.#accept("comma")) list.push(this.#element());
    return new ChoiceSweep(list, { simpleForm: true });
  }

  #element(): Parsed {
    const token = this.#peek();
    if (++this.#depth > deepest) throw this.#error("values are nested too deeply");
    try {
      if (token.kind === "bracketOpen") return this.#list();
      if (token.kind === "braceOpen") return this.#map();
      if (token.kind === "id" && this.#tokens[this.#at + 1]?.kind === "parenOpen") return this.#function();
      if (token.kind === "quoted") {
        this.#at++;
        return new QuotedString(unquote(token.text), token.text[0] === "'" ? "single" : "double");
      }
      return this.#primitive(primitiveKinds, "expected a value");
    } finally {
      this.#depth--;
    }
  }

  #list(): Parsed {
    const list: Parsed[] = [];
    const open = this.#next();
    if (this.#accept("bracketClose")) return list;
    do list.push(this.#element());
    while (this.#accept("comma"));
    this.#expect("bracketClose", "expected ',' or ']'", open);
    return list;
  }

  #map(): Parsed {
    const map = new Map<Scalar, Parsed>();
    const open = this.#next();
    if (this.#accept("braceClose")) return map;
    do {
      const key = this.#primitive(mapKeyKinds, "expected a key") as Scalar;
      this.#expect("colon", "expected ':' after a key");
      map.set(sameKey(map, key), this.#element());
    } while (this.#accept("comma"));
    this.#expect("braceClose", "expected ',' or '}'", open);
    return map;
  }

  #function(): Parsed {
    const name = this.#next();
    const open = this.#next();
    const args: Parsed[] = [];
    const kwargs = new Map<string, Parsed>();
    if (!this.#accept("parenClose")) {
      do {
        const token = this.#peek();
        if (token.kind === "id" && this.#tokens[this.#at + 1]?.kind === "equal") {
          this.#at += 2;
          kwargs.set(token.text, this.#element());
        } else {
          if (kwargs.size > 0) throw this.#error("positional argument follows keyword argument");
          args.push(this.#element());
        }
      } while (this.#accept("comma"));
      this.#expect("parenClose", "expected ',' or ')'", open);
    }
    try {
      return callFunction(name.text, args, kwargs);
    } catch (error) {
      if (!(error instanceof OverrideFunctionError)) throw error;
      const call = this.#input.slice(name.start, this.#tokens[this.#at]?.start);
      throw this.#error(`${error.kind} while evaluating '${call}': ${error.message}`, name);
    }
  }

  /** One or more adjacent tokens: alone they are a number, bool, null or string, together always a string. */
  #primitive(kinds: ReadonlySet<TokenKind>, expected: string): Parsed {
    let from = this.#at;
    while (kinds.has(this.#peek().kind)) this.#at++;
    let to = this.#at;
    if (from === to) throw this.#error(expected);
    if (this.#tokens[from]?.kind === "space") from++;
    if (to > from && this.#tokens[to - 1]?.kind === "space") to--;
    if (from === to) throw this.#error("Trying to parse a primitive that is all whitespaces", this.#tokens[from]);
    if (to - from === 1) return scalarOf(this.#tokens[from] as Token);
    let text = "";
    for (let i = from; i < to; i++) {
      const token = this.#tokens[i] as Token;
      text += token.kind === "escape" ? unescapePairs(token.text) : token.text;
    }
    return text;
  }

  #peek(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #next(): Token {
    return this.#tokens[this.#at++] as Token;
  }

  #accept(kind: TokenKind): boolean {
    if (this.#peek().kind !== kind) return false;
    this.#at++;
    return true;
  }

  #expect(kind: TokenKind, what: string, open?: Token): Token {
    if (this.#peek().kind === kind) return this.#next();
    const opened = open === undefined ? "" : ` (opened at column ${open.start + 1})`;
    throw this.#error(what + opened);
  }

  #expectEnd() {
    const token = this.#peek();
    if (token.kind === "end") return;
    if (token.kind === "equal") throw this.#error("a second '=' has to be escaped (\\=) or in quotes");
    throw this.#error(`nothing more is expected after this value`);
  }

  #error(what: string, token = this.#peek()): OverrideParseError {
    const found = token === this.#peek() ? `, found ${token.kind === "end" ? "the end" : `'${token.text}'`}` : "";
    return new OverrideParseError(this.#input, token.start, what + (what.startsWith("expected") ? found : ""));
  }
}

function valueTypeOf(value: Parsed): ValueType {
  if (value instanceof ChoiceSweep) return value.simpleForm ? "SIMPLE_CHOICE_SWEEP" : "CHOICE_SWEEP";
  if (value instanceof Glob) return "GLOB_CHOICE_SWEEP";
  if (value instanceof IntervalSweep) return "INTERVAL_SWEEP";
  if (value instanceof RangeSweep) return "RANGE_SWEEP";
  return "ELEMENT";
}

function scalarOf(token: Token): Scalar {
  const { kind, text } = token;
  if (kind === "null") return null;
  if (kind === "bool") return text.toLowerCase() === "true";
  if (kind === "escape") return unescapePairs(text);
  if (kind === "int") return asInt(BigInt(text.replace(/[_+]/g, "")));
  if (kind === "float") return floatOf(text.replaceAll("_", "").toLowerCase());
  return text;
}

function floatOf(text: string): number | Float {
  const word = text.replace(/^[+-]/, "");
  if (word === "nan") return Number.NaN;
  if (word === "inf") return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return asFloat(Number(text));
}

/** The key already in the map that Python would take for the same one (1, 1.0 and true are equal there). */
function sameKey(map: ReadonlyMap<Scalar, Parsed>, key: Scalar): Scalar {
  const number = keyNumber(key);
  if (number === undefined || map.has(key)) return key;
  for (const other of map.keys()) if (keyNumber(other) === number) return other;
  return key;
}

function keyNumber(key: Scalar): number | undefined {
  if (typeof key === "boolean" || typeof key === "number" || typeof key === "bigint") return Number(key);
  return key instanceof Float ? key.value : undefined;
}
