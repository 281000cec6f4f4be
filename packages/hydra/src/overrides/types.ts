import { Float, isFloat, isInt } from "../yaml/scalars.ts";
import { Decimal } from "./decimal.ts";
import { ChoiceSweep, Glob, IntervalSweep, ListEdit, QuotedString, RangeSweep } from "./values.ts";

/** Python's names of the types that an argument of an override function can have. */
export type TypeName =
  | "NoneType"
  | "bool"
  | "int"
  | "float"
  | "str"
  | "list"
  | "dict"
  | "QuotedString"
  | "ChoiceSweep"
  | "RangeSweep"
  | "IntervalSweep"
  | "Glob"
  | "ListEdit"
  | "Decimal";

export function typeName(value: unknown): TypeName {
  if (value === null || value === undefined) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "str";
  if (isInt(value)) return "int";
  if (isFloat(value)) return "float";
  if (Array.isArray(value)) return "list";
  if (value instanceof Map) return "dict";
  if (value instanceof QuotedString) return "QuotedString";
  if (value instanceof ChoiceSweep) return "ChoiceSweep";
  if (value instanceof RangeSweep) return "RangeSweep";
  if (value instanceof IntervalSweep) return "IntervalSweep";
  if (value instanceof Glob) return "Glob";
  if (value instanceof Decimal) return "Decimal";
  if (value instanceof ListEdit) return "ListEdit";
  return "dict";
}

/** The numeric value of a number, bool, or wrapped float, for comparisons. */
export function numericValue(value: unknown): number | bigint | undefined {
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value instanceof Float) return value.value;
  return undefined;
}
