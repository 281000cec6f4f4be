import { missing } from "./node.ts";

/** `*_key`, `*token*`, `*password*` */
const secretName = /_key$|token|password/i;

export const secretMask = "***";

/** Whether the value of a key is to be kept from view. */
export function isSecretKey(key: unknown): boolean {
  return typeof key === "string" && secretName.test(key);
}

/** A copy of a raw value (maps, arrays, scalars) with the strings and numbers under secret keys masked. */
export function maskSecrets(value: unknown, secret = false): unknown {
  if (Array.isArray(value)) return value.map((item) => maskSecrets(item, secret));
  if (value instanceof Map) {
    return new Map([...value].map(([key, item]) => [key, maskSecrets(item, secret || isSecretKey(key))]));
  }
  if (!secret || value === null || value === "" || typeof value === "boolean" || value === missing) return value;
  // An interpolation only says where the secret is to be found.
  if (typeof value === "string" && /^\$\{[^}]*\}$/.test(value)) return value;
  return secretMask;
}
