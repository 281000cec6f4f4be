import { CtError, type Problem } from "./errors.ts";
import { spellOption } from "./option-names.ts";
import { keysOf, pathText, schemaAt } from "./schema.ts";
import { suggestion } from "./text.ts";
import type { core } from "./zod.ts";

/** What is needed of a schema: those of zod have it. */
export interface Schema<Value> {
  safeParse(value: unknown, params?: { error?: (issue: RawIssue) => string | undefined }): ParseResult<Value>;
}

type ParseResult<Value> =
  | { readonly success: true; readonly data: Value }
  | { readonly success: false; readonly error: { readonly issues: readonly Issue[] } };

/** An issue before zod makes a message of it. */
type RawIssue = core.$ZodRawIssue;
type Issue = Pick<core.$ZodIssue, "path" | "message"> & { readonly code?: string; readonly keys?: readonly string[] };

/**
 * Checks a value by a schema, which also fills in defaults. The error says of each option `expected ..., received ...`
 * with its key path, names as the user writes them, and of an unknown option which known one is nearest.
 * @param name whose options they are, as the message starts; empty when the caller says it
 * @param fail makes the error
 * @throws CtError `options/invalid`, or what `fail` makes
 */
export function parseOptions<Value>(
  name: string,
  schema: Schema<Value>,
  value: unknown,
  fail: (problem: Omit<Problem, "code">) => Error = (problem) => new CtError({ code: "options/invalid", ...problem }),
): Value {
  const result = schema.safeParse(value, { error: expectation });
  if (result.success) return result.data;
  const { what, fix } = problemOf(result.error.issues, schema, value);
  throw fail({ what: name === "" ? what : `${name}: ${what}`, fix, cause: result.error });
}

function problemOf(issues: readonly Issue[], schema: unknown, value: unknown): Pick<Problem, "what" | "fix"> {
  const fixes: string[] = [];
  const lines = issues.flatMap((issue) => {
    const path = pathText(schema, issue.path);
    if (issue.code !== "unrecognized_keys") {
      return [(path === "" ? "" : `${path}: `) + withReceived(issue.message, valueAt(value, issue.path))];
    }
    const known = keysOf(schemaAt(schema, issue.path)).map(spellOption);
    return (issue.keys ?? []).map((key) => {
      fixes.push(suggestion(key, known));
      return `unknown option '${path === "" ? key : `${path}.${key}`}'`;
    });
  });
  return { what: lines.join("; "), fix: fixes.length === 0 ? undefined : fixes.join("; ") };
}

/** A value as a message shows it: `number` and `string` by what they are, instances by their class. */
export function receivedText(value: unknown): string {
  if (typeof value === "function") return `the function ${value.name}`;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const name = Object.getPrototypeOf(value)?.constructor?.name ?? "Object";
    if (name !== "Object") return `an instance of ${name}`;
  }
  if (value === undefined) return "nothing";
  const text = jsonText(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function jsonText(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/** What an issue expects; zod calls it for every issue whose schema has no message of its own. */
function expectation(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return `expected ${typeNames[issue.expected as string] ?? issue.expected}`;
    case "invalid_value": {
      const values = (issue.values as readonly unknown[]).map((value) => JSON.stringify(value) ?? String(value));
      return `expected ${values.length === 1 ? "" : "one of "}${values.join(", ")}`;
    }
    case "too_small":
      return `expected ${limit(issue, issue["minimum"], issue["inclusive"] === false ? ">" : ">=", "at least")}`;
    case "too_big":
      return `expected ${limit(issue, issue["maximum"], issue["inclusive"] === false ? "<" : "<=", "at most")}`;
    case "not_multiple_of":
      return `expected a multiple of ${issue["divisor"]}`;
    case "invalid_format":
      return `expected string that is a valid ${issue["format"]}`;
    case "invalid_union":
      return unionExpectation(issue["errors"] as readonly (readonly Issue[])[]);
    default:
      return undefined;
  }
}

const typeNames: Readonly<Record<string, string>> = { int: "integer", nonoptional: "a value", nan: "NaN" };

function limit(issue: RawIssue, bound: unknown, sign: string, words: string): string {
  const [unit, kind] = units[issue["origin"] as string] ?? [];
  if (unit === undefined) return `number ${sign} ${bound}`;
  return `${kind} of ${words} ${bound} ${unit}${Number(bound) === 1 ? "" : "s"}`;
}

const units: Readonly<Record<string, readonly [unit: string, kind: string]>> = {
  string: ["character", "string"],
  array: ["item", "array"],
  set: ["item", "set"],
  map: ["entry", "map"],
};

/** What the members of a union expect, each once. */
function unionExpectation(members: readonly (readonly Issue[])[]): string {
  const texts = members.map((issues) => issues.map(memberExpectation).join(" and ")).filter(Boolean);
  const distinct = [...new Set(texts)];
  const last = distinct.pop() ?? "another value";
  return `expected ${distinct.length === 0 ? last : `${distinct.join(", ")} or ${last}`}`;
}

function memberExpectation({ message, path }: Issue): string {
  const text = withoutReceived(message).replace(/^expected /, "");
  return path.length === 0 || text === "" ? text : `${text} at '${path.map(String).join(".")}'`;
}

/** A schema's own message may say it already, or speak of more than one value. */
function withReceived(message: string, value: unknown): string {
  const text = message.replace(/^must be (?=an? )/, "expected ").replace(/^Invalid input$/, "expected another value");
  const says =
    /, received /.test(text) || (!text.startsWith("expected ") && typeof value === "object" && value !== null);
  return says ? text : `${text}, received ${receivedText(value)}`;
}

const withoutReceived = (message: string) => message.replace(/, received [^,]*$/, "");

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | null | undefined)?.[key], root);
}
