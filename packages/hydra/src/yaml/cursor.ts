import { isBreak, isDigit } from "./chars.ts";
import { type Mark, YamlError } from "./errors.ts";

/** Walks a text, counting lines and columns. */
export class Cursor {
  readonly text: string;
  readonly file: string | undefined;
  index = 0;
  line = 0;
  column = 0;

  constructor(text: string, file: string | undefined) {
    this.text = text;
    this.file = file;
  }

  /** Code of the character `ahead` of the cursor; `NaN` at the end. */
  code(ahead = 0): number {
    return this.text.charCodeAt(this.index + ahead);
  }

  mark(): Mark {
    return { index: this.index, line: this.line, column: this.column };
  }

  skip(count = 1): void {
    this.index += count;
    this.column += count;
  }

  /** Passes one line break and returns it as it reads in a scalar. */
  takeBreak(): string {
    const code = this.code();
    this.index += code === 13 && this.code(1) === 10 ? 2 : 1;
    this.line += 1;
    this.column = 0;
    return code === 0x2028 || code === 0x2029 ? String.fromCharCode(code) : "\n";
  }

  skipBlanks(): void {
    while (this.code() === 32 || this.code() === 9) this.skip();
  }

  skipComment(): void {
    if (this.code() !== 35) return;
    while (this.index < this.text.length && !isBreak(this.code())) this.skip();
  }

  /** `---` or `...` at the start of a line. */
  atDocumentIndicator(): boolean {
    if (this.column !== 0) return false;
    const code = this.code();
    if ((code !== 45 && code !== 46) || this.code(1) !== code || this.code(2) !== code) return false;
    const next = this.code(3);
    return next === 32 || next === 9 || isBreak(next) || Number.isNaN(next);
  }

  fail(what: string, mark: Mark = this.mark(), fix?: string): YamlError {
    return new YamlError(what, mark, this.file, fix);
  }

  digits(): string {
    const from = this.index;
    while (isDigit(this.code())) this.skip();
    return this.text.slice(from, this.index);
  }
}
