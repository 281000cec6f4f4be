import { asFloat, asInt, type Scalar } from "./scalars.ts";

/** The types that a scalar may have. */
export type ScalarTag = "bool" | "float" | "int" | "merge" | "null" | "timestamp" | "value" | "str";

const bool = /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/;
const float =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const int =
  /^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/;
/** The floats of OmegaConf's loader: an exponent needs neither a point nor a sign. */
const looseFloat =
  /^(?:[-+]?[0-9]+(?:_[0-9]+)*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+)|\.[0-9]+(?:_[0-9]+)*(?:[eE][-+][0-9]+)?|[-+]?[0-9]+(?:_[0-9]+)*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const timestamp =
  /^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)$/;

const wordStart = new Set("yYnNtTfFoO~=<");
const numberStart = new Set("-+0123456789.");

/** The type that YAML 1.1 gives to a plain scalar; `loading` adds OmegaConf's float rule and drops timestamps. */
export function resolvePlain(text: string, loading: boolean): ScalarTag {
  if (text === "") return "null";
  const first = text[0] as string;
  if (wordStart.has(first)) {
    if (text === "~" || text === "null" || text === "Null" || text === "NULL") return "null";
    if (text === "=") return "value";
    if (text === "<<") return "merge";
    return bool.test(text) ? "bool" : "str";
  }
  if (!numberStart.has(first)) return "str";
  if (float.test(text)) return "float";
  if (int.test(text)) return "int";
  if (loading) return looseFloat.test(text) ? "float" : "str";
  return timestamp.test(text) ? "timestamp" : "str";
}

/** The bool, int, float or null that a scalar's text stands for; undefined if it stands for none of that type. */
export function readScalar(text: string, tag: ScalarTag): Scalar | undefined {
  switch (tag) {
    case "null":
      return null;
    case "bool":
      return bool.test(text) || /^(?:yes|no|true|false|on|off)$/i.test(text)
        ? /^(?:yes|true|on)$/i.test(text)
        : undefined;
    case "int":
      return readInt(text.replaceAll("_", ""));
    case "float":
      return readFloat(text.replaceAll("_", "").toLowerCase());
    default:
      return text;
  }
}

function readInt(text: string): number | bigint | undefined {
  const negative = text.startsWith("-");
  const digits = text.replace(/^[-+]/, "");
  const magnitude = readMagnitude(digits);
  if (magnitude === undefined) return undefined;
  return asInt(negative ? -magnitude : magnitude);
}

function readMagnitude(digits: string): bigint | undefined {
  if (digits === "0") return 0n;
  if (/^0b[01]+$/.test(digits) || /^0x[0-9a-fA-F]+$/.test(digits)) return BigInt(digits);
  if (/^0[0-7]+$/.test(digits)) return BigInt(`0o${digits}`);
  if (/^0o[0-7]+$/.test(digits)) return BigInt(digits);
  if (/^[0-9]+(?::[0-9]+)+$/.test(digits)) {
    return digits.split(":").reduce((total, part) => total * 60n + BigInt(part), 0n);
  }
  return /^[1-9][0-9]*$/.test(digits) ? BigInt(digits) : undefined;
}

function readFloat(text: string): Scalar | undefined {
  const sign = text.startsWith("-") ? -1 : 1;
  const rest = text.replace(/^[-+]/, "");
  if (rest === ".inf") return sign * Number.POSITIVE_INFINITY;
  if (rest === ".nan") return Number.NaN;
  if (rest.includes(":")) {
    const parts = rest.split(":");
    if (!parts.every((part) => /^(?:[0-9]+\.?[0-9]*|\.[0-9]+)$/.test(part))) return undefined;
    let base = 1;
    let value = 0;
    for (const part of parts.reverse()) {
      value += Number(part) * base;
      base *= 60;
    }
    return asFloat(sign * value);
  }
  const value = parsePythonFloat(rest);
  return value === undefined ? undefined : asFloat(sign * value);
}

/** The number that Python's `float(text)` gives, without underscores; undefined where it raises. */
export function parsePythonFloat(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/.test(trimmed)) return Number(trimmed);
  const special = /^([-+]?)(inf|infinity|nan)$/i.exec(trimmed);
  if (special === null) return undefined;
  if (special[2]?.toLowerCase() === "nan") return Number.NaN;
  return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}
