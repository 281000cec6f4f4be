import { firstForbidden, isBlankBreakOrEnd, isBreak, startsPlain } from "./chars.ts";
import { Cursor } from "./cursor.ts";
import type { Mark } from "./errors.ts";
import { scanBlockScalar } from "./scan-block.ts";
import { scanPlain, scanQuoted } from "./scan-flow.ts";
import { scanAnchorName, scanDirective, scanTag } from "./scan-tag.ts";
import type { Token, TokenKind } from "./tokens.ts";

/** A place where a `key: value` may turn out to have begun; one for each open flow collection. */
interface SimpleKey {
  readonly mark: Mark;
  /** Index of the token that would be the key. */
  readonly token: number;
  /** At the indentation of a block mapping nothing but a key can stand. */
  readonly required: boolean;
}

/** Deeper nesting than any configuration has; it keeps the recursion within the stack. */
export const deepestNesting = 400;
export const tooDeep = `the nesting is deeper than ${deepestNesting} levels`;

/** A key must be on one line, and no longer than this. */
const longestKey = 1024;

/**
 * Cuts a YAML 1.1 text into tokens, as libyaml does: indentation becomes start and end tokens, and a `:` after a
 * possible key puts the `?` token before that key.
 */
class Scanner {
  private readonly cursor: Cursor;
  private readonly tokens: Token[] = [];
  /** Tokens to insert before the token of that index, in order. */
  private readonly inserted = new Map<number, Token[]>();
  private readonly indents: number[] = [];
  private readonly keys: (SimpleKey | undefined)[] = [undefined];
  private indent = -1;
  private flowLevel = 0;
  private keyAllowed = true;

  constructor(text: string, file: string | undefined) {
    this.cursor = new Cursor(text, file);
  }

  scan(): Token[] {
    while (this.next());
    if (this.inserted.size === 0) return this.tokens;
    const all: Token[] = [];
    this.tokens.forEach((token, index) => {
      const before = this.inserted.get(index);
      if (before !== undefined) all.push(...before);
      all.push(token);
    });
    return all;
  }

  private add(kind: TokenKind, mark: Mark = this.cursor.mark(), text = "", handle = "", plain = false): void {
    this.tokens.push({ kind, mark, text, handle, plain });
  }

  private next(): boolean {
    const cursor = this.cursor;
    this.toNextToken();
    this.dropStaleKeys();
    this.unroll(cursor.column);
    const code = cursor.code();
    if (cursor.index >= cursor.text.length) {
      this.unroll(-1);
      this.dropKey();
      this.add("stream-end");
      return false;
    }
    if (cursor.column === 0 && code === 37) {
      this.leaveDocument();
      const mark = cursor.mark();
      const { name, handle, prefix } = scanDirective(cursor);
      this.add("directive", mark, prefix, name === "TAG" ? handle : "");
    } else if (cursor.atDocumentIndicator()) {
      this.leaveDocument();
      this.add(code === 45 ? "document-start" : "document-end");
      cursor.skip(3);
    } else if (!this.indicator(code)) {
      this.content(code);
    }
    return true;
  }

  /** Handles the structural characters; false when the character begins content. */
  private indicator(code: number): boolean {
    const spaced = isBlankBreakOrEnd(this.cursor.code(1));
    switch (code) {
      case 91:
      case 123:
        this.saveKey();
        this.keys.push(undefined);
        // Each open collection is looked at for every token: without a limit a row of brackets takes minutes.
        if (++this.flowLevel > deepestNesting) throw this.cursor.fail(tooDeep);
        return this.punctuation(code === 91 ? "[" : "{", true);
      case 93:
      case 125:
        this.dropKey();
        if (this.flowLevel > 0) {
          this.flowLevel--;
          this.keys.pop();
        }
        return this.punctuation(code === 93 ? "]" : "}", false);
      case 44:
        this.dropKey();
        return this.punctuation(",", true);
      case 45:
        if (!spaced) return false;
        this.startBlock("block-sequence-start", "a list item ('- ') is not allowed here");
        this.dropKey();
        return this.punctuation("-", true);
      case 63:
        if (!spaced && this.flowLevel === 0) return false;
        this.startBlock("block-mapping-start", "a mapping key ('? ') is not allowed here");
        this.dropKey();
        return this.punctuation("?", this.flowLevel === 0);
      case 58:
        if (!spaced && this.flowLevel === 0) return false;
        return this.value();
      default:
        return false;
    }
  }

  private content(code: number): void {
    const cursor = this.cursor;
    const mark = cursor.mark();
    if (code === 42 || code === 38) {
      this.saveKey();
      this.keyAllowed = false;
      this.add(code === 42 ? "alias" : "anchor", mark, scanAnchorName(cursor));
    } else if (code === 33) {
      this.saveKey();
      this.keyAllowed = false;
      const { handle, suffix } = scanTag(cursor, this.flowLevel > 0);
      this.add("tag", mark, suffix, handle);
    } else if ((code === 124 || code === 62) && this.flowLevel === 0) {
      this.dropKey();
      this.keyAllowed = true;
      this.add("scalar", mark, scanBlockScalar(cursor, this.indent));
    } else if (code === 39 || code === 34) {
      this.saveKey();
      this.keyAllowed = false;
      this.add("scalar", mark, scanQuoted(cursor));
    } else if (startsPlain(code, cursor.code(1), this.flowLevel > 0)) {
      this.saveKey();
      const { text, endsLine } = scanPlain(cursor, this.indent, this.flowLevel > 0);
      this.keyAllowed = endsLine;
      this.add("scalar", mark, text, "", true);
    } else {
      const char = code === 9 ? "a tab" : `'${cursor.text[cursor.index]}'`;
      const fix = code === 9 ? "indent by spaces" : "quote the value";
      throw cursor.fail(`${char} cannot start a value`, mark, fix);
    }
  }

  private toNextToken(): void {
    const cursor = this.cursor;
    for (;;) {
      if (cursor.column === 0 && cursor.code() === 0xfeff) cursor.skip();
      while (cursor.code() === 32 || (cursor.code() === 9 && (this.flowLevel > 0 || !this.keyAllowed))) cursor.skip();
      cursor.skipComment();
      if (!isBreak(cursor.code())) return;
      cursor.takeBreak();
      if (this.flowLevel === 0) this.keyAllowed = true;
    }
  }

  private value(): boolean {
    const key = this.keys[this.keys.length - 1];
    if (key !== undefined) {
      this.keys[this.keys.length - 1] = undefined;
      const before: Token[] = [];
      if (this.rolls(key.mark.column)) {
        before.push({ kind: "block-mapping-start", mark: key.mark, text: "", handle: "", plain: false });
      }
      before.push({ kind: "?", mark: key.mark, text: "", handle: "", plain: false });
      this.inserted.set(key.token, before);
      return this.punctuation(":", false);
    }
    this.startBlock(
      "block-mapping-start",
      "mapping values are not allowed here",
      "a value that contains ': ' must be quoted",
    );
    return this.punctuation(":", this.flowLevel === 0);
  }

  private punctuation(kind: TokenKind, keyAllowed: boolean): true {
    this.keyAllowed = keyAllowed;
    this.add(kind);
    this.cursor.skip();
    return true;
  }

  private startBlock(kind: TokenKind, complaint: string, fix?: string): void {
    if (this.flowLevel > 0) return;
    if (!this.keyAllowed) throw this.cursor.fail(complaint, undefined, fix);
    if (this.rolls(this.cursor.column)) this.add(kind);
  }

  /** Opens a block at this column, if that is deeper than the open one. */
  private rolls(column: number): boolean {
    if (this.flowLevel > 0 || this.indent >= column) return false;
    this.indents.push(this.indent);
    this.indent = column;
    return true;
  }

  private unroll(column: number): void {
    if (this.flowLevel > 0) return;
    while (this.indent > column) {
      this.add("block-end");
      this.indent = this.indents.pop() ?? -1;
    }
  }

  private leaveDocument(): void {
    this.unroll(-1);
    this.dropKey();
    this.keyAllowed = false;
  }

  private saveKey(): void {
    if (!this.keyAllowed) return;
    this.dropKey();
    const { cursor } = this;
    const required = this.flowLevel === 0 && this.indent === cursor.column;
    this.keys[this.keys.length - 1] = { mark: cursor.mark(), token: this.tokens.length, required };
  }

  private dropKey(): void {
    const last = this.keys.length - 1;
    const key = this.keys[last];
    if (key?.required) throw this.noColon(key);
    this.keys[last] = undefined;
  }

  private dropStaleKeys(): void {
    const { line, index } = this.cursor;
    for (let i = 0; i < this.keys.length; i++) {
      const key = this.keys[i];
      if (key === undefined || (key.mark.line === line && key.mark.index + longestKey >= index)) continue;
      if (key.required) throw this.noColon(key);
      this.keys[i] = undefined;
    }
  }

  private noColon(key: SimpleKey): Error {
    return this.cursor.fail("a key has no ':' after it", key.mark, "write 'key: value', with a space after the colon");
  }
}

/** @throws YamlError */
export function scanTokens(given: string, file?: string): Token[] {
  const text = given.startsWith("\ufeff") ? given.slice(1) : given;
  const bad = firstForbidden(text);
  if (bad !== -1 && text.charCodeAt(bad) !== 0xfeff) {
    const cursor = new Cursor(text, file);
    while (cursor.index < bad) {
      if (isBreak(cursor.code())) cursor.takeBreak();
      else cursor.skip();
    }
    const code = text.charCodeAt(bad).toString(16).padStart(4, "0");
    throw cursor.fail(`the character U+${code} is not allowed in YAML`);
  }
  return new Scanner(text, file).scan();
}
