import { CtError } from "./errors.ts";
import { registerOptionNames, spellOption } from "./option-names.ts";
import { camelCase, snakeCase } from "./text.ts";

// Looks through the layers of a zod schema, which may come from another copy of zod.

interface Definition {
  readonly type?: string;
  readonly innerType?: unknown;
  readonly element?: unknown;
  readonly items?: readonly unknown[];
  readonly valueType?: unknown;
  readonly options?: readonly unknown[];
  readonly in?: unknown;
  readonly getter?: () => unknown;
}

const definitionOf = (schema: unknown) => (schema as { def?: Definition } | null | undefined)?.def ?? {};

/** A schema without what makes it optional, nullable, or followed by a transformation; of a union, its members. */
function membersOf(schema: unknown): readonly unknown[] {
  const { type, innerType, options, in: first, getter } = definitionOf(schema);
  if (innerType !== undefined) return membersOf(innerType);
  if (type === "union") return (options ?? []).flatMap(membersOf);
  if (type === "pipe") return membersOf(first);
  return type === "lazy" ? membersOf(getter?.()) : [schema];
}

type Shape = Readonly<Record<string, unknown>>;

const shapeOf = (schema: unknown) => (schema as { shape?: Shape } | null | undefined)?.shape;

/** The keys of the object that a schema describes, if it does. */
export function keysOf(schema: unknown): readonly string[] {
  const shape = membersOf(schema).map(shapeOf).find(Boolean);
  return shape === undefined ? [] : Object.keys(shape);
}

/** The schema of an entry, and whether its key is an option's name. */
function entryOf(schema: unknown, key: PropertyKey): { schema: unknown; isOption: boolean } {
  for (const member of membersOf(schema)) {
    const shape = shapeOf(member);
    if (shape !== undefined && Object.hasOwn(shape, key)) return { schema: shape[String(key)], isOption: true };
    const { element, items, valueType } = definitionOf(member);
    const entry = element ?? items?.[Number(key)] ?? valueType;
    if (entry !== undefined) return { schema: entry, isOption: false };
  }
  return { schema: undefined, isOption: false };
}

export function schemaAt(schema: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((at, key) => entryOf(at, key).schema, schema);
}

/** A key path as messages write it: options as their user spells them. */
export function pathText(schema: unknown, path: readonly PropertyKey[]): string {
  let at = schema;
  const keys = path.map((key) => {
    const entry = entryOf(at, key);
    at = entry.schema;
    return entry.isOption ? spellOption(String(key)) : String(key);
  });
  return keys.join(".");
}

/** Has messages know the names of all options of a schema, at every depth. */
export function registerSchemaNames(schema: unknown, seen = new Set<unknown>()): void {
  for (const member of membersOf(schema)) {
    if (seen.has(member)) continue;
    seen.add(member);
    const shape = shapeOf(member) ?? {};
    registerOptionNames(Object.keys(shape));
    const { element, items = [], valueType } = definitionOf(member);
    for (const entry of [...Object.values(shape), element, ...items, valueType]) {
      if (entry !== undefined) registerSchemaNames(entry, seen);
    }
  }
}

/**
 * A value as YAML writes it, with the schema's names: snake_case keys become camelCase wherever the schema has an
 * object, in lists and mappings too. Keys of other mappings, and class instances, stay as they are.
 */
export function camelCaseKeys(schema: unknown, value: unknown): unknown {
  return withKeys(schema, value, (key) => key);
}

/** Options as YAML writes them: the inverse of {@link camelCaseKeys}. */
export function snakeCaseKeys(schema: unknown, value: unknown): unknown {
  return withKeys(schema, value, snakeCase);
}

/** @param spell how a key of the schema is written */
function withKeys(schema: unknown, value: unknown, spell: (key: string) => string): unknown {
  if (schema === undefined) return value;
  if (Array.isArray(value)) return value.map((item, i) => withKeys(entryOf(schema, i).schema, item, spell));
  if (!isPlain(value)) return value;
  const shape = bestShape(schema, Object.keys(value));
  const result: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) {
    const key = shape === undefined ? undefined : keyNamed(shape, name);
    const written = key === undefined ? name : spell(key);
    if (Object.hasOwn(result, written)) throw givenTwice(name);
    // As `result[written] =` does, but for `__proto__` too.
    const entry = withKeys(shape === undefined ? entryOf(schema, name).schema : shape[key ?? ""], item, spell);
    Object.defineProperty(result, written, { value: entry, enumerable: true, configurable: true, writable: true });
  }
  return result;
}

export function givenTwice(name: string): CtError {
  return new CtError({ code: "target/options", what: `option '${name}' is given twice`, fix: "give it once" });
}

/** Of the objects that a schema allows, the one that knows most of the keys. */
function bestShape(schema: unknown, names: readonly string[]): Shape | undefined {
  const known = (shape: Shape) => names.filter((name) => keyNamed(shape, name) !== undefined).length;
  const shapes = membersOf(schema)
    .map(shapeOf)
    .filter((shape) => shape !== undefined);
  return shapes.reduce<Shape | undefined>(
    (best, shape) => (best === undefined || known(shape) > known(best) ? shape : best),
    undefined,
  );
}

/** The key of a shape that a name of YAML stands for. */
export function keyNamed(shape: Shape, name: string): string | undefined {
  if (Object.hasOwn(shape, name)) return name;
  const camel = camelCase(name);
  return Object.hasOwn(shape, camel) ? camel : Object.keys(shape).find((key) => snakeCase(key) === name);
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
