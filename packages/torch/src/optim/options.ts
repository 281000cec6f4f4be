import { CtError, parseOptions as checked, editDistance } from "@classifier-training/base";
import type { z } from "zod";

/**
 * Checks the options of `name` against its schema, which also fills in the defaults.
 * @throws CtError `torch/options`: what each wrong option expects; an unknown one comes with the nearest known name
 */
export function parseOptions<Schema extends z.ZodObject>(
  name: string,
  schema: Schema,
  input: unknown,
): z.infer<Schema> {
  return checked(name, schema, input, (problem) => new CtError({ code: "torch/options", ...problem }));
}

/** The option that a name was meant for, in snake_case or with a slip; undefined for names of other things. */
export function misspelt(key: string, known: readonly string[]): string | undefined {
  const plain = (name: string) => name.replaceAll("_", "").toLowerCase();
  const allowed = Math.max(1, Math.floor(key.length / 5));
  return known.find((option) => editDistance(plain(key), plain(option)) <= (option.length > 2 ? allowed : 0));
}

/** An error about a value that a schema cannot check alone. */
export function optionError(name: string, what: string, fix?: string): CtError {
  return new CtError({ code: "torch/options", what: `${name}: ${what}`, fix });
}
