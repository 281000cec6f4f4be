import { floatRepr } from "@classifier-training/base";
import { ValidationError } from "../omegaconf/errors.ts";
import type { FieldType, Node, StructType } from "../omegaconf/node.ts";
import { currentOrigin } from "../omegaconf/origin.ts";
import { asFloat, asInt, Float, isFloat, isInt, type Scalar } from "../yaml/scalars.ts";

/** Refuses a value: the message names the value, the expected type, and the key. */
export function refuse(value: unknown, expected: string, at: Node): never {
  const shown = typeof value === "string" ? `'${value}'` : value === null ? "null" : String(value);
  throw new ValidationError({
    what: `the value ${shown} cannot be converted to ${expected}`,
    fullKey: at.fullKey(),
    origin: currentOrigin() ?? at.origin,
  });
}

function scalarType(name: string, convert: (value: NonNullable<Scalar>) => Scalar | undefined): FieldType {
  return {
    name,
    optional: false,
    accepts: "scalar",
    convert(value, at) {
      const converted = value === null ? undefined : convert(value);
      return converted === undefined ? refuse(value, name, at) : converted;
    },
  };
}

const pythonInt = /^\s*[+-]?[0-9](?:_?[0-9])*\s*$/;
const pythonFloat = /^\s*[+-]?(?:[0-9](?:_?[0-9])*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?\s*$/;

/** Text; numbers and bools are written out, as OmegaConf does. */
export const strType = scalarType("str", (value) => {
  if (typeof value === "string") return value;
  if (value instanceof Uint8Array) return undefined;
  if (typeof value === "boolean") return value ? "True" : "False";
  return isFloat(value) ? floatRepr(Number(value)) : String(value);
});

export const intType = scalarType("int", (value) => {
  if (isInt(value)) return value;
  if (typeof value !== "string" || !pythonInt.test(value)) return undefined;
  return asInt(BigInt(value.trim().replaceAll("_", "").replace(/^\+/, "")));
});

export const floatType = scalarType("float", (value) => {
  if (isFloat(value)) return value;
  if (isInt(value)) return asFloat(Number(value));
  if (typeof value !== "string") return undefined;
  const special = { nan: Number.NaN, inf: Infinity, "+inf": Infinity, "-inf": -Infinity }[value.trim().toLowerCase()];
  if (special !== undefined) return special;
  return pythonFloat.test(value) ? asFloat(Number(value.replaceAll("_", ""))) : undefined;
});

const words: Readonly<Record<string, boolean>> = {
  yes: true,
  y: true,
  on: true,
  true: true,
  "1": true,
  no: false,
  n: false,
  off: false,
  false: false,
  "0": false,
};

export const boolType = scalarType("bool", (value) => {
  if (typeof value === "boolean") return value;
  if (isInt(value)) return Number(value) !== 0;
  return typeof value === "string" ? words[value.toLowerCase()] : undefined;
});

export const anyType: FieldType = { name: "Any", optional: true, accepts: "any", convert: (value) => value };

/** One of a few texts. */
export function enumType(values: readonly (string | number)[]): FieldType {
  const name = `one of ${values.map((value) => `'${value}'`).join(", ")}`;
  return scalarType(name, (value) => {
    const plain = value instanceof Float ? value.value : value;
    return values.find((candidate) => candidate === plain || candidate === String(plain));
  });
}

export function optional(type: FieldType): FieldType {
  if (type.optional) return type;
  const convert = (value: Scalar, at: Node) => (value === null ? null : type.convert(value, at));
  return { ...type, name: `Optional[${type.name}]`, optional: true, convert };
}

function containerType(name: string, accepts: "list" | "dict", more: Partial<FieldType>): FieldType {
  return { name, optional: false, accepts, convert: (value, at) => refuse(value, name, at), ...more };
}

export function listOf(element: FieldType): FieldType {
  return containerType(`List[${element.name}]`, "list", { element });
}

export function dictOf(element: FieldType): FieldType {
  return containerType(`Dict[str, ${element.name}]`, "dict", { element });
}

/** A mapping with fixed keys. */
export function structOf(name: string, fields: Readonly<Record<string, FieldType>>, open = false): FieldType {
  const struct: StructType = { name, fields: new Map(Object.entries(fields)), open };
  return containerType(name, "dict", { struct });
}
