import { maskArgument, shellWord } from "@classifier-training/base";
import { pythonRepr } from "../omegaconf/python-text.ts";
import { OverrideParseError } from "./errors.ts";
import type { Override } from "./override.ts";
import { parseOverride } from "./parser.ts";
import { QuotedString } from "./values.ts";

export { OverrideParseError } from "./errors.ts";
export { Override, type OverrideType, type ValueType } from "./override.ts";
export { parseOverride, parseValue } from "./parser.ts";
export { ChoiceSweep, Glob, IntervalSweep, QuotedString, RangeSweep } from "./values.ts";

/**
 * Parses a command line's overrides. Throws an {@link OverrideParseError} that shows each faulty override, and marks
 * the column with a caret.
 */
export function parseOverrides(inputs: readonly string[]): Override[] {
  const overrides: Override[] = [];
  const problems: OverrideParseError[] = [];
  for (const [index, input] of inputs.entries()) {
    try {
      overrides.push(parseOverride(input));
    } catch (error) {
      if (!(error instanceof OverrideParseError)) throw error;
      problems.push(new OverrideParseError(input, error.column, describe(error, index, inputs)));
    }
  }
  const [first] = problems;
  if (first === undefined) return overrides;
  const texts = problems.map(({ message }) => message);
  const grammar = "See https://hydra.cc/docs/advanced/override_grammar/basic for the grammar.";
  throw new OverrideParseError(first.override, first.column, [...texts, grammar].join("\n"));
}

function describe(error: OverrideParseError, index: number, inputs: readonly string[]): string {
  const { override, column, message } = error;
  const shown = maskArgument(override);
  // A caret would point into the secret.
  if (shown !== override) return `Error when parsing index: ${index}, string: ${shown}.\n${message}`;
  const head = `Error when parsing index: ${index}, string: ${override} out of ${pythonRepr(inputs.map(maskArgument))}.`;
  const visible = override.replace(/[\n\t\r]/g, " ");
  return [head, message, `  ${visible}`, `  ${" ".repeat(column)}^`, ...quotingAdvice(override, column)].join("\n");
}

/** How to write a value that was meant as text. */
function quotingAdvice(override: string, column: number): string[] {
  const equals = override.indexOf("=");
  const value = override.slice(equals + 1);
  if (equals === -1 || column <= equals || /^(['"[{]|\w+\()/.test(value)) return [];
  return [
    `  fix: quote the value, for Hydra and for the shell: ${shellWord(textOverride(override.slice(0, equals), value))}`,
  ];
}

/** The override that gives a key this very text, whatever characters it has. */
export function textOverride(key: string, text: string): string {
  return `${key}=${new QuotedString(text.replaceAll("${", "\\${"), "single").withQuotes()}`;
}
