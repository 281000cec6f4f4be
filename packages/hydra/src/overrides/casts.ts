import { floatRepr } from "@classifier-training/base";
import { asFloat, asInt, Float, isFloat } from "../yaml/scalars.ts";
import { OverrideFunctionError } from "./errors.ts";
import { typeName } from "./types.ts";
import {
  ChoiceSweep,
  IntervalSweep,
  type Parsed,
  QuotedString,
  type RangeNumber,
  RangeSweep,
  type Scalar,
} from "./values.ts";

type CastName = "int" | "float" | "str" | "bool" | "json_str";

const valueError = (what: string) => new OverrideFunctionError("ValueError", what);

/** `int(...)`, `float(...)`, `str(...)`, `bool(...)`, `json_str(...)`: element by element through containers and sweeps. */
export function cast(name: CastName, value: Parsed): Parsed {
  if (name === "json_str") return castToJson(value);
  return castValue(name, value);
}

function castValue(name: Exclude<CastName, "json_str">, value: Parsed): Parsed {
  const each = (item: Parsed) => castValue(name, item);
  if (value instanceof QuotedString) return castScalar(name, value.text);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, each(item)]));
  if (Array.isArray(value)) return value.map(each);
  if (value instanceof ChoiceSweep) return castChoice(value, each);
  if (value instanceof RangeSweep) return castRange(name, value);
  if (value instanceof IntervalSweep) {
    if (name !== "int" && name !== "float") throw valueError(`Intervals cannot be cast to ${name}`);
    return new IntervalSweep(castScalar(name, value.start), castScalar(name, value.end), value.tags);
  }
  return castScalar(name, value as Scalar);
}

function castChoice(sweep: ChoiceSweep, each: (item: Parsed) => Parsed): ChoiceSweep {
  const list = sweep.list.map(each);
  if (list.some((item) => !isElementType(item))) {
    throw new OverrideFunctionError("AssertionError", "a choice cannot be cast to null or to another sweep");
  }
  return new ChoiceSweep(list, { simpleForm: sweep.simpleForm });
}

function castRange(name: CastName, sweep: RangeSweep): RangeSweep {
  if (name !== "int" && name !== "float") throw valueError("Range can only be cast to int or float");
  const number = (value: RangeNumber) => castScalar(name, value as Scalar) as RangeNumber;
  return new RangeSweep(number(sweep.start), number(sweep.stop), number(sweep.step));
}

/** Whether a value may stand in a choice: anything but null, quoted strings and sweeps. */
export function isElementType(value: unknown): boolean {
  return ["str", "int", "bool", "float", "list", "dict"].includes(typeName(value));
}

function castScalar(name: Exclude<CastName, "json_str">, value: Scalar): Scalar {
  if (name === "bool") return toBool(value);
  if (!["int", "float", "bool", "str"].includes(typeName(value))) {
    throw new OverrideFunctionError("AssertionError", `a ${typeName(value)} cannot be cast to ${name}`);
  }
  if (name === "int") return toInt(value);
  if (name === "float") return toFloat(value);
  return toText(value);
}

function toInt(value: Scalar): Scalar {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "string") {
    const text = value.trim();
    if (!/^[+-]?[0-9](?:_?[0-9])*$/.test(text)) {
      throw valueError(`invalid literal for int() with base 10: '${value}'`);
    }
    return asInt(BigInt(text.replaceAll("_", "").replace(/^\+/, "")));
  }
  if (!isFloat(value)) return value;
  const number = Number(value);
  if (Number.isNaN(number)) throw valueError("cannot convert float NaN to integer");
  if (!Number.isFinite(number)) {
    throw new OverrideFunctionError("OverflowError", "cannot convert float infinity to integer");
  }
  return asInt(BigInt(Math.trunc(number)));
}

function toFloat(value: Scalar): Scalar {
  if (typeof value !== "string") return asFloat(Number(value));
  const text = value.trim().toLowerCase();
  const special = /^([+-]?)(?:(inf(?:inity)?)|nan)$/.exec(text);
  if (special !== null) {
    if (special[2] === undefined) return Number.NaN;
    return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const digits = "[0-9](?:_?[0-9])*";
  if (!new RegExp(`^[+-]?(?:${digits}\\.?(?:${digits})?|\\.${digits})(?:e[+-]?${digits})?$`).test(text)) {
    throw valueError(`could not convert string to float: '${value}'`);
  }
  return asFloat(Number(text.replaceAll("_", "")));
}

function toText(value: Scalar): string {
  if (typeof value === "boolean") return value ? "true" : "false";
  return isFloat(value) ? floatRepr(Number(value)) : String(value);
}

function toBool(value: Scalar): boolean {
  if (typeof value === "string") {
    const text = value.toLowerCase();
    if (text !== "true" && text !== "false") throw valueError(`Cannot cast '${value}' to bool`);
    return text === "true";
  }
  if (value === null) return false;
  return typeof value === "boolean" ? value : Number(value) !== 0;
}

function castToJson(value: Parsed): Parsed {
  if (value instanceof ChoiceSweep) return castChoice(value, (item) => pythonJson(item));
  if (value instanceof RangeSweep) return castRange("json_str", value);
  if (value instanceof IntervalSweep) throw valueError("Intervals cannot be cast to json_str");
  return pythonJson(value);
}

/** `json.dumps` with its default separators, ASCII only, and NaN and Infinity as Python writes them. */
function pythonJson(value: Parsed): string {
  if (value instanceof QuotedString) return jsonString(value.text);
  if (value === null) return "null";
  if (typeof value === "string") return jsonString(value);
  if (typeof value === "boolean") return value ? "true" : "false";
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (value instanceof Map) {
    return `{${[...value].map(([key, item]) => `${jsonKey(key)}: ${pythonJson(item)}`).join(", ")}}`;
  }
  if (typeof value === "number" || typeof value === "bigint" || value instanceof Float) return jsonNumber(value);
  throw new OverrideFunctionError("TypeError", `Object of type ${typeName(value)} is not JSON serializable`);
}

function jsonNumber(value: number | bigint | Float): string {
  if (!isFloat(value)) return String(value);
  const number = Number(value);
  if (Number.isFinite(number)) return floatRepr(number);
  return Number.isNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
}

function jsonKey(key: Scalar): string {
  return typeof key === "string" ? jsonString(key) : `"${pythonJson(key)}"`;
}

function jsonString(text: string): string {
  const escapeUnit = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, escapeUnit);
}
