import { DictConfig, Float, ListConfig, type Node, ResultNode, toRaw, ValueNode } from "../src/index.ts";

/**
 * A text that is the same for equal values: of the corpus's encoding (`{"$float": "1.0"}` and so on) and of this
 * package's raw values alike. Mappings keep their order, except where JSON could not (keys that look like ints).
 */
export function canonical(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "boolean") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}`;
  if (typeof value === "number") return Number.isInteger(value) ? `${value}` : `float ${new Float(value)}`;
  if (value instanceof Float) return `float ${value}`;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("base64")}`;
  if (Array.isArray(value)) return `[${value.map(canonical).join(", ")}]`;
  if (isNode(value)) return canonical(toRaw(value));
  if (value instanceof Map) return mapping([...value]);
  return encoded(value as Record<string, unknown>);
}

export function isNode(value: unknown): value is Node {
  const kinds = [DictConfig, ListConfig, ValueNode, ResultNode];
  return kinds.some((kind) => value instanceof kind);
}

function encoded(value: Record<string, unknown>): string {
  const float = value["$float"];
  if (typeof float === "string") return `float ${float}`;
  const int = value["$int"];
  if (typeof int === "string") return int;
  const bytes = value["$bytes"];
  if (typeof bytes === "string") return `bytes ${bytes}`;
  const map = value["$map"];
  if (Array.isArray(map)) return mapping(map as [unknown, unknown][]);
  const tuple = value["$tuple"];
  if (Array.isArray(tuple)) return canonical(tuple);
  return mapping(Object.entries(value));
}

function mapping(entries: readonly (readonly [unknown, unknown])[]): string {
  const shown = entries.map(([key, value]) => `${canonical(key)}: ${canonical(value)}`);
  const unordered = entries.some(([key]) => typeof key === "string" && /^\d+$/.test(key));
  return `{${(unordered ? shown.sort() : shown).join(", ")}}`;
}

/** A sentence when two values differ. */
export function difference(field: string, expected: unknown, actual: unknown): string | undefined {
  const [want, have] = [canonical(expected), canonical(actual)];
  return want === have ? undefined : `${field}:\n    expected ${want}\n    actual   ${have}`;
}
