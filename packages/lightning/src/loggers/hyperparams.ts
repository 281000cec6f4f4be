import type { PlainValue } from "./logger.ts";

/** Any value as a plain one: what has no plain form (a class, a function) becomes its name or text. */
export function plainValue(value: unknown, seen: readonly object[] = []): PlainValue {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "boolean" || typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "function") return value.name;
  if (typeof value !== "object") return String(value);
  if (seen.includes(value)) return "...";
  const path = [...seen, value];
  if (Array.isArray(value)) return value.map((item) => plainValue(item, path));
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>, Number);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Map) return plainHyperparams(Object.fromEntries(value), path);
  if (value instanceof Set) return [...value].map((item) => plainValue(item, path));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    return plainHyperparams(value as Record<string, unknown>, path);
  }
  return value.constructor.name;
}

export function plainHyperparams(
  params: Readonly<Record<string, unknown>>,
  seen: readonly object[] = [],
): Record<string, PlainValue> {
  return Object.fromEntries(Object.entries(params).map(([key, value]) => [key, plainValue(value, seen)]));
}
