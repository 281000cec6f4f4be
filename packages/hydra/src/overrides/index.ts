import { pythonRepr } from "../omegaconf/python-text.ts";
import { OverrideParseError } from "./errors.ts";
import type { Override } from "./override.ts";
import { parseOverride } from "./parser.ts";

export { OverrideParseError } from "./errors.ts";
export { Override, type OverrideType, type ValueType } from "./override.ts";
export { parseOverride, parseValue } from "./parser.ts";
export { ChoiceSweep, Glob, IntervalSweep, QuotedString, RangeSweep } from "./values.ts";

/**
 * Parses a command line's overrides. Throws an {@link OverrideParseError} that shows the faulty override, and marks
 * the column with a caret.
 */
export function parseOverrides(inputs: readonly string[]): Override[] {
  return inputs.map((input, index) => {
    try {
      return parseOverride(input);
    } catch (error) {
      if (!(error instanceof OverrideParseError)) throw error;
      throw new OverrideParseError(input, error.column, describe(error, index, inputs));
    }
  });
}

function describe(error: OverrideParseError, index: number, inputs: readonly string[]): string {
  const { override, column } = error;
  const visible = override.replace(/[\n\t\r]/g, " ");
  return [
    `Error when parsing index: ${index}, string: ${override} out of ${pythonRepr(inputs)}.`,
    error.message,
    `  ${visible}`,
    `  ${" ".repeat(column)}^`,
    "See https://hydra.cc/docs/advanced/override_grammar/basic for the grammar.",
  ].join("\n");
}
