import { didYouMean, nearestName } from "@classifier-training/base";
import { Float, type Scalar } from "../yaml/scalars.ts";
import { ConfigAttributeError, UnsupportedValueType, ValidationError } from "./errors.ts";
import type { FieldType } from "./node.ts";
import { type Key, keyText, type Node } from "./node.ts";
import { currentOrigin, type Origin } from "./origin.ts";

/** Whether a value can be a leaf; undefined stands for null. */
export function isScalar(value: unknown): value is Scalar | undefined {
  if (value === null || value === undefined) return true;
  if (typeof value === "object") return value instanceof Float || value instanceof Uint8Array;
  return typeof value !== "function" && typeof value !== "symbol";
}

/** The scalar that a number, string or the like is. */
export function normalScalar(value: Scalar | undefined): Scalar {
  return Object.is(value, -0) ? new Float(-0) : (value ?? null);
}

/** The entries of what can become a mapping: a map or a plain object. */
export function entriesOf(value: unknown): Iterable<[Key, unknown]> | undefined {
  if (value instanceof Map) return value as Map<Key, unknown>;
  const prototype = typeof value === "object" && value !== null ? Object.getPrototypeOf(value) : undefined;
  const plain = prototype === null || prototype === Object.prototype;
  return plain ? Object.entries(value as Record<string, unknown>) : undefined;
}

/** The error for a key that a struct or a schema does not have. */
export function unknownKeyError(
  key: Key,
  keys: readonly Key[],
  { fullKey, origin, struct }: { fullKey: string; origin: Origin | undefined; struct: string | undefined },
): ConfigAttributeError {
  const owner = struct === undefined ? "the configuration, which is a struct" : `'${struct}'`;
  const list = keys.length > 0 && keys.length <= 12 ? `the keys are: ${keys.map(keyText).join(", ")}` : undefined;
  const fix = didYouMean(nearestName(keyText(key), keys.map(keyText))) ?? list;
  return new ConfigAttributeError({ what: `the key '${keyText(key)}' is not in ${owner}`, fullKey, origin, fix });
}

/** The error for a list or mapping where a schema expects something else. */
export function wrongKindError(kind: "list" | "dict", type: FieldType, at: Node): ValidationError {
  return new ValidationError({
    what: `expected ${type.name}, received a ${kind === "list" ? "list" : "mapping"}`,
    fullKey: at.fullKey(),
    origin: at.origin ?? currentOrigin(),
  });
}

/** The error for an object that a configuration cannot hold. */
export function unsupportedValueError(value: unknown, fullKey: string | undefined): UnsupportedValueType {
  const name = (value as object | null)?.constructor?.name ?? typeof value;
  return new UnsupportedValueType({
    what: `a value of type ${name} cannot stand in a configuration`,
    fullKey,
    fix: "use null, booleans, numbers, strings, lists and mappings",
  });
}
