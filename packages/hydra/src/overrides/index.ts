import { pythonRepr } from "../omegaconf/python-text.ts";
import { OverrideParseError } from "./errors.ts";
import type { Override } from "./override.ts";
import { parseOverride } from "./parser.ts";

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
  const head = `Error when parsing index: ${index}, string: ${override} out of ${pythonRepr(inputs)}.`;
  const visible = override.replace(/[\n\t\r]/g, " ");
  return [head, message, `  ${visible}`, `  ${" ".repeat(column)}^`].join("\n");
}
