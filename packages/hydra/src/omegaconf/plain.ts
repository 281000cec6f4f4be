import { plainScalar } from "../yaml/scalars.ts";
import { type Key, keyText } from "./node.ts";

/** Plain JavaScript values for raw ones: objects for maps, numbers for floats. */
export function toPlain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toPlain);
  if (!(value instanceof Map)) return plainScalar(value);
  const object: Record<string, unknown> = {};
  for (const [key, item] of value as Map<Key, unknown>) define(object, keyText(key), toPlain(item));
  return object;
}

/** Sets an own property, also for names like `__proto__`. */
export function define(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== "__proto__") object[key] = value;
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}
