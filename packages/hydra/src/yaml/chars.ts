/** Character classes of the YAML scanner, on UTF-16 codes; `NaN` is the end of the text. */

export function isBreak(code: number): boolean {
  return code === 10 || code === 13 || code === 0x85 || code === 0x2028 || code === 0x2029;
}

export function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

export function isBreakOrEnd(code: number): boolean {
  return isBreak(code) || Number.isNaN(code);
}

export function isBlankBreakOrEnd(code: number): boolean {
  return code === 32 || code === 9 || isBreakOrEnd(code);
}

export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Letters, digits, `-` and `_`: what names of anchors, directives and tag handles are made of. */
export function isWord(code: number): boolean {
  return isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 45 || code === 95;
}

/** `,` `[` `]` `{` `}` */
export function isFlowIndicator(code: number): boolean {
  return code === 44 || code === 91 || code === 93 || code === 123 || code === 125;
}

const plainNeverStarts = new Set([..."-?:,[]{}#&*!|>'\"%@`"].map((char) => char.charCodeAt(0)));

/** Whether a plain scalar may begin with `code` followed by `next`. */
export function startsPlain(code: number, next: number, inFlow: boolean): boolean {
  if (!isBlankBreakOrEnd(code) && !plainNeverStarts.has(code)) return true;
  if (code === 45) return !isBlank(next);
  return !inFlow && (code === 63 || code === 58) && !isBlankBreakOrEnd(next);
}

const notPrintable = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/** Index of the first character that may not stand in a YAML text, or -1. */
export function firstForbidden(text: string): number {
  return text.search(notPrintable);
}
