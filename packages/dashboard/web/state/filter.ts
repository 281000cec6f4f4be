import type { RunSummary } from "../../src/api-types.ts";
import { type Column, columnOf } from "./columns.ts";

/** One condition of a filter: a word, or a column compared with a value. */
export type Term =
  | { readonly kind: "word"; readonly word: string; readonly not: boolean }
  | { readonly kind: "compare"; readonly column: string; readonly op: Operator; readonly value: string };

export type Operator = "<" | "<=" | ">" | ">=" | "=" | "!=" | "~";

/** `resnet -failed val/acc_top1 > 0.8 tags ~ "first try"`: all must hold. */
export function parseFilter(text: string): readonly Term[] {
  const tokens = [...text.matchAll(/"([^"]*)"|(<=|>=|!=|<|>|=|~)|((?:[^\s"<>=~!]|!(?!=))+)/g)].map(
    ([, quoted, op, plain]) => ({ op: op as Operator | undefined, text: quoted ?? plain ?? "" }),
  );
  const terms: Term[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const [token, next, last] = [tokens[i], tokens[i + 1], tokens[i + 2]];
    if (token === undefined || token.op !== undefined) continue;
    if (next?.op !== undefined && last !== undefined && last.op === undefined) {
      terms.push({ kind: "compare", column: token.text, op: next.op, value: last.text });
      i += 2;
    } else if (next?.op !== undefined) i++;
    else if (token.text !== "" && token.text !== "-") {
      const not = token.text.startsWith("-");
      terms.push({ kind: "word", word: (not ? token.text.slice(1) : token.text).toLowerCase(), not });
    }
  }
  return terms;
}

export function compare(actual: string | number | undefined, op: Operator, expected: string): boolean {
  if (actual === undefined) return op === "!=";
  const number = Number(expected);
  if (op === "~") return String(actual).toLowerCase().includes(expected.toLowerCase());
  if (typeof actual === "number" && expected !== "" && !Number.isNaN(number)) return ordered(actual - number, op);
  const [a, b] = [String(actual).toLowerCase(), expected.toLowerCase()];
  return ordered(a === b ? 0 : a < b ? -1 : 1, op);
}

function ordered(difference: number, op: Operator): boolean {
  if (op === "<") return difference < 0;
  if (op === "<=") return difference <= 0;
  if (op === ">") return difference > 0;
  if (op === ">=") return difference >= 0;
  return (difference === 0) === (op === "=");
}

export interface Filter {
  readonly fits: (run: RunSummary) => boolean;
  /** Columns that no run has. */
  readonly unknown: readonly string[];
}

/** @param columns those whose text words are looked for in */
export function filterOf(text: string, columns: readonly Column[]): Filter {
  const unknown: string[] = [];
  const tests = parseFilter(text).map((term) => {
    if (term.kind === "compare") {
      const column = columnOf(term.column);
      if (column === undefined) unknown.push(term.column);
      return (run: RunSummary) => column !== undefined && compare(column.value(run), term.op, term.value);
    }
    return (run: RunSummary) => {
      const all = [run.name, run.key, ...columns.map((column) => column.text(run)), ...run.annotations.tags].join(" ");
      return all.toLowerCase().includes(term.word) !== term.not;
    };
  });
  return { fits: (run) => tests.every((test) => test(run)), unknown };
}
