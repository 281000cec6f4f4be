import { CtError, editDistance, plural, suggestion } from "@classifier-training/base";
import type { z } from "zod";

/**
 * Checks the options of `name` against its schema, which also fills in the defaults.
 * @throws CtError `torch/options` listing every complaint; an unknown option comes with the nearest known one.
 */
export function parseOptions<Schema extends z.ZodObject>(
  name: string,
  schema: Schema,
  input: unknown,
): z.infer<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const known = Object.keys(schema.shape);
  const complaints = result.error.issues.map((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => `unknown option '${key}' (${suggestion(key, known)})`).join("; ")
      : [issue.path.join("."), issue.message].filter(Boolean).join(": "),
  );
  throw new CtError({
    code: "torch/options",
    what: `${name}: ${plural(complaints.length, "option")} not accepted: ${complaints.join("; ")}`,
    where: known.join(", "),
    cause: result.error,
  });
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
