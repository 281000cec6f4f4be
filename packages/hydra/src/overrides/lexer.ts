import { OverrideParseError } from "./errors.ts";

export type TokenKind =
  | "end"
  | "equal"
  | "tilde"
  | "plus"
  | "at"
  | "colon"
  | "slash"
  | "id"
  | "specialKey"
  | "dotPath"
  | "parenOpen"
  | "parenClose"
  | "comma"
  | "bracketOpen"
  | "bracketClose"
  | "braceOpen"
  | "braceClose"
  | "float"
  | "int"
  | "bool"
  | "null"
  | "unquotedChar"
  | "escape"
  | "space"
  | "quoted"
  | "interpolation";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Offset of the first character. */
  readonly start: number;
}

const integer = "(?:0|[1-9](?:_?[0-9])*)";
const pointFloat = `(?:${integer}?\\.[0-9](?:_?[0-9])*|${integer}\\.)`;
const special = "[A-Za-z_$][A-Za-z0-9_$-]*";

const keyPath = new RegExp(`(?:${special}|${integer})(?:\\.(?:${special}|${integer}))+`, "y");
const keySpecial = new RegExp(special, "y");
const id = /[A-Za-z_][A-Za-z0-9_-]*/y;
const floatNumber = new RegExp(
  `[+-]?(?:(?:${pointFloat}|${integer})[eE][+-]?[0-9](?:_?[0-9])*|${pointFloat}|[Ii][Nn][Ff]|[Nn][Aa][Nn])`,
  "y",
);
const intNumber = new RegExp(`[+-]?${integer}`, "y");
const escapedPairs = /(?:\\[\\()[\]{}:=, \t])+/y;
const interpolation = /\$\{[^}]+\}/y;
const blanks = /[ \t]+/y;

const keySymbols: Readonly<Record<string, TokenKind>> = {
  "~": "tilde",
  "+": "plus",
  "@": "at",
  ":": "colon",
  "/": "slash",
};
/** Symbols of a value that swallow blanks on both sides. */
const bothSides: Readonly<Record<string, TokenKind>> = { "(": "parenOpen", ",": "comma", ":": "colon", "=": "equal" };
const blanksBefore: Readonly<Record<string, TokenKind>> = { ")": "parenClose", "]": "bracketClose", "}": "braceClose" };
const blanksAfter: Readonly<Record<string, TokenKind>> = { "[": "bracketOpen", "{": "braceOpen" };
const keywords: Readonly<Record<string, TokenKind>> = {
  true: "bool",
  false: "bool",
  null: "null",
  inf: "float",
  nan: "float",
};

/**
 * Splits an override into tokens. As in Hydra's grammar there are two modes: keys up to the first `=`, then values,
 * where the longest token wins.
 */
export function tokenize(input: string, mode: "key" | "value" = "key"): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let inValue = mode === "value";

  const matchAt = (pattern: RegExp, from = at): string | undefined => {
    pattern.lastIndex = from;
    return pattern.exec(input)?.[0];
  };
  const push = (kind: TokenKind, text: string) => {
    tokens.push({ kind, text, start: at });
    at += text.length;
  };
  const fail = (what: string): never => {
    throw new OverrideParseError(input, at, what);
  };

  const keyToken = () => {
    const c = input[at] as string;
    if (c === "=") {
      push("equal", c + (matchAt(blanks, at + 1) ?? ""));
      inValue = true;
      return;
    }
    const symbol = keySymbols[c];
    if (symbol !== undefined) return push(symbol, c);
    const path = matchAt(keyPath) ?? "";
    const plain = matchAt(id) ?? "";
    const withDollar = matchAt(keySpecial) ?? "";
    if (path.length > withDollar.length && path.length > plain.length) return push("dotPath", path);
    if (plain !== "" && plain.length >= withDollar.length) return push("id", plain);
    if (withDollar !== "") return push("specialKey", withDollar);
    return fail(`unexpected character ${show(input, at)} in a key`);
  };

  const valueToken = () => {
    const c = input[at] as string;
    const space = c === " " || c === "\t" ? (matchAt(blanks) as string) : "";
    const next = space === "" ? c : (input[at + space.length] ?? "");
    const both = bothSides[next];
    if (both !== undefined) return push(both, space + next + (matchAt(blanks, at + space.length + 1) ?? ""));
    const before = blanksBefore[next];
    if (before !== undefined) return push(before, space + next);
    if (space !== "") return push("space", space);
    const after = blanksAfter[c];
    if (after !== undefined) return push(after, c + (matchAt(blanks, at + 1) ?? ""));
    if (c === '"' || c === "'") return push("quoted", quotedToken(c));
    return wordToken(c);
  };

  const quotedToken = (quote: string): string => {
    for (let end = input.indexOf(quote, at + 1); end !== -1; end = input.indexOf(quote, end + 1)) {
      let backslashes = 0;
      while (input[end - 1 - backslashes] === "\\") backslashes++;
      if (backslashes % 2 === 0) return input.slice(at, end + 1);
    }
    return fail(`this quote is never closed: add ${quote} at the end, or escape it`);
  };

  const wordToken = (c: string) => {
    if (c === "\\") {
      const escaped = matchAt(escapedPairs);
      return escaped === undefined ? push("unquotedChar", c) : push("escape", escaped);
    }
    if (c === "$") {
      const reference = matchAt(interpolation);
      return reference === undefined ? push("unquotedChar", c) : push("interpolation", reference);
    }
    const word = matchAt(id) ?? "";
    if (word !== "") {
      const keyword = word.length <= 5 ? keywords[word.toLowerCase()] : undefined;
      return push(keyword ?? "id", word);
    }
    const float = matchAt(floatNumber) ?? "";
    const int = matchAt(intNumber) ?? "";
    if (float.length > int.length) return push("float", float);
    if (int !== "") return push("int", int);
    if ("/-+.%*@?|".includes(c)) return push("unquotedChar", c);
    return fail(`${show(input, at)} has to be in quotes`);
  };

  while (at < input.length) {
    if (inValue) valueToken();
    else keyToken();
  }
  tokens.push({ kind: "end", text: "", start: at });
  return tokens;
}

function show(input: string, at: number): string {
  return JSON.stringify(String.fromCodePoint(input.codePointAt(at) as number));
}
