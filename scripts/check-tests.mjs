// Tests that cannot fail: a matcher that compares an expression with itself, or that looks at a literal.
import { readFileSync } from "node:fs";
import { endCheck, root, trackedFiles } from "./exec.mjs";

const comparing = /^(?:not\.)?(toBe|toEqual|toStrictEqual|toBeCloseTo|toMatchObject|toContain)\(/;
const literal = /^(?:true|false|null|undefined|-?[\d.]+|"[^"]*"|'[^']*')$/;

const files = trackedFiles("*.test.ts");
const problems = [];
let matchers = 0;
for (const file of files) {
  const text = readFileSync(`${root}${file}`, "utf8");
  for (const { index } of text.matchAll(/\bexpect\(/g)) {
    const received = argument(text, index + "expect(".length);
    const rest = text.slice(received.end + 1).replace(/^\s*\./, "");
    const matcher = comparing.exec(rest);
    if (matcher === null) continue;
    matchers++;
    const expected = argument(rest, matcher[0].length).text;
    const line = text.slice(0, index).split("\n").length;
    if (literal.test(received.text)) problems.push(`${file}:${line}: expect(${received.text}) looks at a literal`);
    else if (received.text === expected) problems.push(`${file}:${line}: '${expected}' is compared with itself`);
  }
}

/** The text up to the parenthesis that closes the one before `start`, without its spaces. */
function argument(text, start) {
  let depth = 0;
  let quote = "";
  for (let i = start; i < text.length; i++) {
    const character = text[i];
    if (quote !== "") {
      if (character === "\\") i++;
      else if (character === quote) quote = "";
    } else if ("\"'`".includes(character)) quote = character;
    else if ("([{".includes(character)) depth++;
    else if (")]}".includes(character) && depth-- === 0)
      return { text: text.slice(start, i).replace(/\s+/g, ""), end: i };
  }
  return { text: text.slice(start), end: text.length };
}

endCheck(`tests: ${matchers} comparing matchers`, matchers, problems);
