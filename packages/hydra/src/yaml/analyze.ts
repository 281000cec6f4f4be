import { parsePythonFloat, resolvePlain } from "./resolve.ts";

/** How the text of a string may be written. */
export interface ScalarForm {
  readonly plain: boolean;
  readonly single: boolean;
  readonly multiline: boolean;
}

const isBreak = (char: string | undefined) =>
  char === "\n" || char === "\r" || char === "\x85" || char === "\u2028" || char === "\u2029";
const endsWord = (char: string | undefined) =>
  char === undefined || char === " " || char === "\t" || char === "\0" || isBreak(char);

/** What libyaml's emitter writes as it is; the rest is escaped in double quotes. */
export function isPrintable(char: string): boolean {
  const code = char.codePointAt(0) ?? 0;
  if (code === 10 || (code >= 0x20 && code <= 0x7e)) return true;
  return (code >= 0xa0 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd && code !== 0xfeff);
}

const neverFirst = new Set("#,[]{}&*!|>'\"%@`");

/** The forms that keep a text readable as itself, in block context. */
export function analyzeScalar(text: string): ScalarForm {
  if (text === "") return { plain: true, single: true, multiline: false };
  const chars = [...text];
  const last = chars.length - 1;
  let indicators = text.startsWith("---") || text.startsWith("...");
  let special = false;
  let multiline = false;
  let breakSpace = false;
  let spaceBreak = false;
  chars.forEach((char, index) => {
    const before = chars[index - 1];
    const wordEnds = endsWord(chars[index + 1]);
    if (index === 0) {
      if (neverFirst.has(char) || ((char === "?" || char === ":" || char === "-") && wordEnds)) indicators = true;
    } else if ((char === ":" && wordEnds) || (char === "#" && endsWord(before))) {
      indicators = true;
    }
    if (!isPrintable(char)) special = true;
    if (isBreak(char)) {
      multiline = true;
      if (before === " ") spaceBreak = true;
    } else if (char === " " && isBreak(before)) {
      breakSpace = true;
    }
  });
  const blankEnd = [chars[0], chars[last]].some((char) => char === " " || isBreak(char));
  const single = !(breakSpace || spaceBreak || special);
  return { plain: single && !blankEnd && !multiline && !indicators, single, multiline };
}

const boolWords = new Set(
  "y Y yes Yes YES n N no No NO true True TRUE false False FALSE on On ON off Off OFF".split(" "),
);

/** Whether a string must be quoted because it would read as another type, to YAML or to Python. */
export function readsAsOther(text: string): boolean {
  if (boolWords.has(text) || resolvePlain(text, false) !== "str") return true;
  const first = text.trimStart().charCodeAt(0);
  const mayBeNumber = first < 58 || first > 127 || "iInN".includes(String.fromCharCode(first));
  return mayBeNumber && readsAsNumber(text);
}

/** Whether Python's `int(text)` or `float(text)` accepts a text. */
function readsAsNumber(text: string): boolean {
  const ascii = text.trim().replace(/\p{Nd}/gu, "0");
  const single = ascii.replace(/0_(?=0)/g, "0");
  return !single.includes("_") && parsePythonFloat(single) !== undefined;
}
