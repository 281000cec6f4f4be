import { isBlank, isBreak, isBreakOrEnd, isDigit } from "./chars.ts";
import type { Cursor } from "./cursor.ts";

interface Header {
  readonly chomping: "strip" | "clip" | "keep";
  readonly increment: number;
}

/** A literal (`|`) or folded (`>`) scalar, from its indicator on; `parent` is the indentation of what holds it. */
export function scanBlockScalar(cursor: Cursor, parent: number): string {
  const start = cursor.mark();
  const literal = cursor.code() === 124;
  cursor.skip();
  const { chomping, increment } = scanHeader(cursor);
  cursor.skipBlanks();
  cursor.skipComment();
  if (!isBreakOrEnd(cursor.code())) {
    throw cursor.fail("did not find the expected comment or line break after the indicator of a block scalar");
  }
  if (isBreak(cursor.code())) cursor.takeBreak();

  let indent = increment === 0 ? 0 : Math.max(parent, 0) + increment;
  const breaks = (): string => {
    let taken = "";
    let widest = 0;
    for (;;) {
      while ((indent === 0 || cursor.column < indent) && cursor.code() === 32) cursor.skip();
      widest = Math.max(widest, cursor.column);
      if ((indent === 0 || cursor.column < indent) && cursor.code() === 9) {
        throw cursor.fail("found a tab where the indentation of a block scalar is expected", start, "indent by spaces");
      }
      if (!isBreak(cursor.code())) break;
      taken += cursor.takeBreak();
    }
    if (indent === 0) indent = Math.max(widest, parent + 1, 1);
    return taken;
  };

  let text = "";
  let lineBreak = "";
  let wasBlank = false;
  let trailing = breaks();
  while (cursor.column === indent && cursor.index < cursor.text.length) {
    const blank = isBlank(cursor.code());
    if (!literal && lineBreak === "\n" && !wasBlank && !blank) {
      if (trailing === "") text += " ";
    } else {
      text += lineBreak;
    }
    text += trailing;
    wasBlank = blank;
    const from = cursor.index;
    while (!isBreakOrEnd(cursor.code())) cursor.skip();
    text += cursor.text.slice(from, cursor.index);
    lineBreak = isBreak(cursor.code()) ? cursor.takeBreak() : "";
    trailing = breaks();
  }
  if (chomping !== "strip") text += lineBreak;
  if (chomping === "keep") text += trailing;
  return text;
}

function scanHeader(cursor: Cursor): Header {
  let chomping: Header["chomping"] = "clip";
  let increment = 0;
  for (let part = 0; part < 2; part++) {
    const code = cursor.code();
    if ((code === 43 || code === 45) && chomping === "clip") {
      chomping = code === 43 ? "keep" : "strip";
      cursor.skip();
    } else if (isDigit(code) && increment === 0) {
      if (code === 48) throw cursor.fail("found an indentation indicator equal to 0 in a block scalar");
      increment = code - 48;
      cursor.skip();
    }
  }
  return { chomping, increment };
}
