import { asFloat, asInt } from "../../yaml/scalars.ts";

/** A token of the arguments of a resolver (the grammar's "value mode"). */
export interface ValueToken {
  readonly kind:
    | "end"
    | "open" // ${
    | "{"
    | "}"
    | "["
    | "]"
    | ","
    | ":"
    | "quote"
    | "atom" // number, true, false, null: has a value
    | "word" // name or single character: is its own text
    | "escape"
    | "blank"
    | "bad";
  readonly text: string;
  readonly value?: null | boolean | number | bigint | object;
}

const structure = /(\$\{[ \t]*)|(\{[ \t]*)|([ \t]*\})|([ \t]*,[ \t]*)|(\[[ \t]*)|([ \t]*\])|([ \t]*:[ \t]*)|(['"])/y;
const structureKinds = ["open", "{", "}", ",", "[", "]", ":", "quote"] as const;
const int = "(?:0|[1-9](?:_?[0-9])*)";
const number = new RegExp(`[+-]?(?:${int}?\\.[0-9](?:_?[0-9])*|${int}\\.|${int})(?:[eE][+-]?[0-9](?:_?[0-9])*)?`, "y");
const special = /[+-]?(?:inf|nan)/iy;
const name = /[A-Za-z_][A-Za-z0-9_-]*/y;
const escapeRun = /(?:\\\\|\\[()[\]{}:=, \t])+/y;
const blank = /[ \t]+/y;
const unquoted = /[/\-\\+.$%*@?|]/y;

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** The token at an index: the longest one, as ANTLR picks it. */
export function valueToken(text: string, at: number): ValueToken {
  if (at >= text.length) return { kind: "end", text: "" };
  structure.lastIndex = at;
  const found = structure.exec(text);
  if (found !== null) {
    const group = found.findIndex((part, index) => index > 0 && part !== undefined);
    return { kind: structureKinds[group - 1] ?? "bad", text: found[0] };
  }
  const word = match(name, text, at) ?? "";
  const digits = match(number, text, at);
  if (digits !== undefined) return { kind: "atom", text: digits, value: readNumber(digits) };
  const odd = match(special, text, at);
  if (odd !== undefined && odd.length >= word.length) return { kind: "atom", text: odd, value: readSpecial(odd) };
  if (word !== "") return wordToken(word);
  const escaped = match(escapeRun, text, at);
  if (escaped !== undefined) return { kind: "escape", text: escaped };
  const blanks = match(blank, text, at);
  if (blanks !== undefined) return { kind: "blank", text: blanks };
  const char = match(unquoted, text, at);
  return char === undefined ? { kind: "bad", text: text[at] as string } : { kind: "word", text: char };
}

function wordToken(text: string): ValueToken {
  const lower = text.toLowerCase();
  if (lower === "true" || lower === "false") return { kind: "atom", text, value: lower === "true" };
  return lower === "null" ? { kind: "atom", text, value: null } : { kind: "word", text };
}

function readNumber(text: string): number | bigint | object {
  const plain = text.replaceAll("_", "");
  if (/[.eE]/.test(plain)) return asFloat(Number(plain));
  const negative = plain.startsWith("-");
  const magnitude = BigInt(plain.replace(/^[-+]/, ""));
  return asInt(negative ? -magnitude : magnitude);
}

function readSpecial(text: string): number {
  if (/nan$/i.test(text)) return Number.NaN;
  return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

const key = /[^\\{}()[\]:. \t'"]+/y;
const wholeName = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** A key inside `${...}`, and whether it may name a resolver too. */
export function keyToken(text: string, at: number): { text: string; isName: boolean } | undefined {
  const found = match(key, text, at);
  return found === undefined ? undefined : { text: found, isName: wholeName.test(found) };
}

export function skipBlanks(text: string, at: number): number {
  return at + (match(blank, text, at)?.length ?? 0);
}

/** Undoes the escapes of a run: every second character. */
export function unescapeRun(text: string): string {
  let kept = "";
  for (let i = 1; i < text.length; i += 2) kept += text[i];
  return kept;
}
