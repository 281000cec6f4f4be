import { type CtError, parseOptions, type Schema } from "@classifier-training/base";
import { HydraError } from "../errors.ts";
import type { FieldType, Node } from "../omegaconf/node.ts";
import { plainScalar, type Scalar } from "../yaml/scalars.ts";
import {
  anyType,
  boolType,
  dictOf,
  enumType,
  floatType,
  intType,
  listOf,
  optional,
  refuse,
  strType,
  structOf,
} from "./field-types.ts";

/** The part of a zod 4 schema that is read here; zod itself is never imported. */
export interface ZodSchema extends Schema<unknown> {
  readonly _zod: { readonly def: ZodDefinition };
  readonly description?: string | undefined;
  meta?(): { title?: string; id?: string } | undefined;
}

interface ZodDefinition {
  readonly type: string;
  readonly innerType?: ZodSchema;
  readonly in?: ZodSchema;
  readonly out?: ZodSchema;
  readonly element?: ZodSchema;
  readonly valueType?: ZodSchema;
  readonly shape?: Readonly<Record<string, ZodSchema>>;
  readonly catchall?: ZodSchema;
  readonly options?: readonly ZodSchema[];
  readonly entries?: Readonly<Record<string, string | number>>;
  readonly values?: readonly unknown[];
  readonly checks?: readonly { readonly _zod: { readonly def: { readonly format?: string } } }[];
  readonly format?: string;
}

export function isZodSchema(value: unknown): value is ZodSchema {
  return typeof value === "object" && value !== null && "_zod" in value && "safeParse" in value;
}

/** The type that a zod schema gives to a value of a configuration. */
function zodFieldType(schema: ZodSchema, name = "the schema"): FieldType {
  const { def } = schema._zod;
  const inner = def.innerType ?? def.in;
  switch (def.type) {
    case "default":
    case "prefault":
    case "readonly":
    case "catch":
    case "nonoptional":
    case "pipe":
      return inner === undefined ? anyType : zodFieldType(inner, name);
    case "optional":
    case "nullable":
      return inner === undefined ? anyType : optional(zodFieldType(inner, name));
    case "object": {
      const fields = Object.entries(def.shape ?? {}).map(([key, field]) => [key, zodFieldType(field, key)] as const);
      const open = def.catchall !== undefined && def.catchall._zod.def.type !== "never";
      return structOf(schema.meta?.()?.title ?? schema.meta?.()?.id ?? name, Object.fromEntries(fields), open);
    }
    case "array":
      return listOf(def.element === undefined ? anyType : zodFieldType(def.element, name));
    case "record":
      return dictOf(def.valueType === undefined ? anyType : zodFieldType(def.valueType, name));
    case "enum":
      return checked(enumType(Object.values(def.entries ?? {})), schema);
    case "string":
      return checked(strType, schema);
    case "boolean":
      return checked(boolType, schema);
    case "int":
    case "bigint":
      return checked(intType, schema);
    case "number":
      return checked(isIntegral(def) ? intType : floatOrInt, schema);
    case "literal":
      return checked(literalType(def.values ?? []), schema);
    default:
      return anyType;
  }
}

/** What zod calls a number may be written as an int; it stays one. */
const floatOrInt: FieldType = {
  ...floatType,
  convert: (value, at) =>
    typeof value === "number" || typeof value === "bigint" ? value : floatType.convert(value, at),
};

function literalType(values: readonly unknown[]): FieldType {
  const texts = values.filter((value) => typeof value === "string" || typeof value === "number");
  return texts.length === values.length ? enumType(texts as (string | number)[]) : anyType;
}

function isIntegral(def: ZodDefinition): boolean {
  const formats = [def.format, ...(def.checks ?? []).map((check) => check._zod.def.format)];
  return formats.some((format) => format !== undefined && /int/.test(format));
}

/** The type's conversion, then the schema's own checks (minimum, pattern, refinements). */
function checked(type: FieldType, schema: ZodSchema): FieldType {
  const convert = (value: Scalar, at: Node): Scalar => {
    const converted = type.convert(value, at);
    try {
      parseOptions("", schema, plainScalar(converted));
      return converted;
    } catch (error) {
      return refuse(converted, `${type.name} (${(error as CtError).problem.what})`, at);
    }
  };
  return { ...type, convert };
}

/** The values that a schema gives by itself: its defaults, and `???` where it asks for a value. */
export function zodDefaults(schema: ZodSchema): unknown {
  const { def } = schema._zod;
  const inner = def.innerType ?? def.in;
  if (def.type === "object") {
    const entries = Object.entries(def.shape ?? {}).map(([key, field]) => [key, zodDefaults(field)] as const);
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  }
  if (def.type === "optional" || def.type === "nullable") return null;
  if (def.type === "default" || def.type === "prefault") {
    const parsed = schema.safeParse(undefined);
    return parsed.success ? parsed.data : "???";
  }
  if (inner !== undefined) return zodDefaults(inner);
  return "???";
}

/** A schema in the store must describe a mapping. */
export function zodObjectType(schema: ZodSchema, name: string): FieldType {
  const type = zodFieldType(schema, name);
  if (type.struct !== undefined) return type;
  throw new HydraError({
    code: "hydra/store",
    what: `the schema of '${name}' is not of an object`,
    fix: "use z.object",
  });
}
