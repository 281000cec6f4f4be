import { isBlank, isBlankBreakOrEnd, isBreak, isBreakOrEnd, isWord } from "./chars.ts";
import type { Cursor } from "./cursor.ts";
import type { Mark } from "./errors.ts";

const uriPunctuation = new Set([..."-;/?:@&=+$.!~*'()_%"].map((char) => char.charCodeAt(0)));

export interface Tag {
  readonly handle: string;
  readonly suffix: string;
}

/** The name of an anchor (`&name`) or alias (`*name`). */
export function scanAnchorName(cursor: Cursor): string {
  const start = cursor.mark();
  const kind = cursor.code() === 38 ? "anchor" : "alias";
  cursor.skip();
  const from = cursor.index;
  while (isWord(cursor.code())) cursor.skip();
  const name = cursor.text.slice(from, cursor.index);
  const next = cursor.text[cursor.index] ?? "";
  if (name === "" || !(isBlankBreakOrEnd(cursor.code()) || "?:,]}%@`".includes(next))) {
    throw cursor.fail(`the name of an ${kind} must be letters, digits, '-' and '_'`, start);
  }
  return name;
}

/** `!<uri>`, `!suffix`, `!!suffix` or `!handle!suffix`. */
export function scanTag(cursor: Cursor, inFlow: boolean): Tag {
  const start = cursor.mark();
  let handle = "";
  let suffix: string;
  if (cursor.code(1) === 60) {
    cursor.skip(2);
    suffix = scanUri(cursor, true, start);
    if (cursor.code() !== 62) throw cursor.fail("a verbatim tag must end with '>'", start);
    cursor.skip();
  } else {
    handle = scanHandle(cursor);
    if (handle.length > 1 && handle.endsWith("!")) {
      suffix = scanUri(cursor, false, start);
    } else {
      suffix = handle.slice(1) + scanUri(cursor, false, start, handle.length > 1);
      handle = "!";
      if (suffix === "") [handle, suffix] = ["", "!"];
    }
  }
  const endsWell = isBlankBreakOrEnd(cursor.code()) || (inFlow && cursor.code() === 44);
  if (!endsWell) throw cursor.fail("expected a blank or a line break after a tag", start);
  return { handle, suffix };
}

function scanHandle(cursor: Cursor): string {
  const from = cursor.index;
  cursor.skip();
  while (isWord(cursor.code())) cursor.skip();
  if (cursor.code() === 33) cursor.skip();
  return cursor.text.slice(from, cursor.index);
}

function scanUri(cursor: Cursor, verbatim: boolean, start: Mark, mayBeEmpty = false): string {
  let text = "";
  for (;;) {
    const code = cursor.code();
    const allowed =
      isWord(code) || uriPunctuation.has(code) || (verbatim && (code === 44 || code === 91 || code === 93));
    if (!allowed) break;
    text += cursor.text[cursor.index];
    cursor.skip();
  }
  const bare = !verbatim && start.index + 1 === cursor.index;
  if (text === "" && !mayBeEmpty && !bare) throw cursor.fail("a tag has no name", start);
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw cursor.fail("a tag has a malformed %-escape", start);
  }
}

/** A `%YAML` or `%TAG` line, cursor past its break. */
export function scanDirective(cursor: Cursor): { name: string; handle: string; prefix: string } {
  const start = cursor.mark();
  cursor.skip();
  const from = cursor.index;
  while (isWord(cursor.code())) cursor.skip();
  const name = cursor.text.slice(from, cursor.index);
  if (!isBlankBreakOrEnd(cursor.code())) throw cursor.fail("found an unexpected character in a directive", start);
  let handle = "";
  let prefix = "";
  cursor.skipBlanks();
  if (name === "YAML") {
    const major = cursor.digits();
    const dot = cursor.code() === 46;
    if (dot) cursor.skip();
    const minor = cursor.digits();
    if (major === "" || !dot || minor === "") throw cursor.fail("a %YAML directive needs a version like 1.1", start);
    if (major !== "1")
      throw cursor.fail(`YAML ${major}.${minor} is not supported`, start, "use %YAML 1.1 or leave it out");
  } else if (name === "TAG") {
    handle = cursor.code() === 33 ? scanHandle(cursor) : "";
    if (handle === "" || !(handle === "!" || handle.endsWith("!")) || !isBlank(cursor.code())) {
      throw cursor.fail("a %TAG directive needs a handle like !e! and a prefix", start);
    }
    cursor.skipBlanks();
    prefix = scanUri(cursor, true, start);
    if (!isBlankBreakOrEnd(cursor.code())) throw cursor.fail("expected a line break after a %TAG directive", start);
  } else {
    throw cursor.fail(`unknown directive '%${name}'`, start);
  }
  cursor.skipBlanks();
  cursor.skipComment();
  if (!isBreakOrEnd(cursor.code())) throw cursor.fail("expected a comment or a line break after a directive", start);
  if (isBreak(cursor.code())) cursor.takeBreak();
  return { name, handle, prefix };
}
