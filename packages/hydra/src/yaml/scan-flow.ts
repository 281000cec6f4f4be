import { isBlank, isBlankBreakOrEnd, isBreak, isFlowIndicator } from "./chars.ts";
import type { Cursor } from "./cursor.ts";
import type { Mark } from "./errors.ts";

const escapes: Readonly<Record<string, string>> = {
  "0": "\0",
  a: "\x07",
  b: "\b",
  t: "\t",
  "\t": "\t",
  n: "\n",
  v: "\v",
  f: "\f",
  r: "\r",
  e: "\x1b",
  " ": " ",
  '"': '"',
  "/": "/",
  "\\": "\\",
  N: "\x85",
  _: "\xa0",
  L: "\u2028",
  P: "\u2029",
};
const hexDigits: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** Blanks and line breaks between two parts of a scalar, folded as they read in its value. */
class Gap {
  private blanks = "";
  private lineBreak = "";
  private more = "";
  broken = false;

  /** Starts as if a line break had been passed: what follows an escaped line break. */
  constructor(afterEscapedBreak = false) {
    this.broken = afterEscapedBreak;
  }

  /** After a line break, a tab at a column up to `parent` stands where indentation is expected. */
  take(cursor: Cursor, parent = -1): void {
    for (;;) {
      const code = cursor.code();
      if (isBlank(code)) {
        if (this.broken && code === 9 && cursor.column <= parent) {
          throw cursor.fail(
            "found a tab that violates the indentation of a plain scalar",
            undefined,
            "indent by spaces",
          );
        }
        if (!this.broken) this.blanks += cursor.text[cursor.index];
        cursor.skip();
      } else if (isBreak(code)) {
        const taken = cursor.takeBreak();
        if (this.broken) this.more += taken;
        else this.lineBreak = taken;
        this.broken = true;
      } else {
        return;
      }
    }
  }

  text(): string {
    if (!this.broken) return this.blanks;
    if (this.lineBreak === "\n") return this.more === "" ? " " : this.more;
    return this.lineBreak + this.more;
  }
}

/** A single- or double-quoted scalar, from its opening quote on. */
export function scanQuoted(cursor: Cursor): string {
  const start = cursor.mark();
  const quote = cursor.code();
  cursor.skip();
  let text = "";
  for (;;) {
    if (cursor.atDocumentIndicator()) throw cursor.fail("found a document indicator in a quoted scalar", start);
    if (cursor.index >= cursor.text.length) {
      throw cursor.fail("a quoted scalar does not end", start, "close the quotation mark");
    }
    let escapedBreak = false;
    while (!isBlankBreakOrEnd(cursor.code())) {
      const code = cursor.code();
      if (code === quote) {
        if (code !== 39 || cursor.code(1) !== 39) break;
        text += "'";
        cursor.skip(2);
      } else if (code === 92 && quote === 34) {
        if (isBreak(cursor.code(1))) {
          cursor.skip();
          cursor.takeBreak();
          escapedBreak = true;
          break;
        }
        text += scanEscape(cursor, start);
      } else {
        text += cursor.text[cursor.index];
        cursor.skip();
      }
    }
    if (!escapedBreak && cursor.code() === quote) break;
    const gap = new Gap(escapedBreak);
    gap.take(cursor);
    text += gap.text();
  }
  cursor.skip();
  return text;
}

function scanEscape(cursor: Cursor, start: Mark): string {
  const name = cursor.text[cursor.index + 1] ?? "";
  const simple = escapes[name];
  if (simple !== undefined) {
    cursor.skip(2);
    return simple;
  }
  const length = hexDigits[name];
  if (length === undefined) {
    throw cursor.fail(
      `found the unknown escape '\\${name}'`,
      cursor.mark(),
      "double the backslash, or use single quotes",
    );
  }
  const digits = cursor.text.slice(cursor.index + 2, cursor.index + 2 + length);
  if (digits.length !== length || !/^[0-9a-fA-F]*$/.test(digits)) {
    throw cursor.fail(`expected ${length} hexadecimal digits after '\\${name}'`, start);
  }
  const code = Number.parseInt(digits, 16);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
    throw cursor.fail(`'\\${name}${digits}' is not a character`, start);
  }
  cursor.skip(2 + length);
  return String.fromCodePoint(code);
}

/** A plain scalar; `endsLine` says whether a line break follows it. */
export function scanPlain(cursor: Cursor, parent: number, inFlow: boolean): { text: string; endsLine: boolean } {
  const start = cursor.mark();
  let text = "";
  let gap = new Gap();
  for (;;) {
    if (cursor.atDocumentIndicator() || cursor.code() === 35) break;
    const from = cursor.index;
    for (;;) {
      const code = cursor.code();
      if (isBlankBreakOrEnd(code)) break;
      if (code === 58) {
        const next = cursor.code(1);
        if (inFlow && (isFlowIndicator(next) || next === 63)) throw cursor.fail("found an unexpected ':'", start);
        if (isBlankBreakOrEnd(next)) break;
      }
      if (inFlow && isFlowIndicator(code)) break;
      cursor.skip();
    }
    if (cursor.index > from) {
      text += gap.text() + cursor.text.slice(from, cursor.index);
      gap = new Gap();
    }
    if (!isBlank(cursor.code()) && !isBreak(cursor.code())) break;
    gap.take(cursor, parent);
    if (!inFlow && cursor.column <= parent) break;
  }
  return { text, endsLine: gap.broken };
}
