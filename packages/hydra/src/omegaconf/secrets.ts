import { isSecretKey, maskText, maskValue } from "@classifier-training/base";

/**
 * A copy of a raw value (maps, arrays, scalars) as people may see it: without the strings under secret names, wherever
 * they come up again, and without what other strings show of secrets by themselves.
 */
export function maskSecrets(value: unknown): unknown {
  const secrets = new Set<string>();
  collect(value, false, secrets);
  return masked(
    value,
    false,
    [...secrets].sort((a, b) => b.length - a.length),
  );
}

/** Shorter ones would be found in words that have nothing to do with them. */
const shortestKnown = 6;

function collect(value: unknown, secret: boolean, secrets: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) collect(item, secret, secrets);
  else if (value instanceof Map) for (const [key, item] of value) collect(item, secret || isSecretKey(key), secrets);
  else if (secret && typeof value === "string" && value.length >= shortestKnown && !value.includes("${"))
    secrets.add(value);
}

function masked(value: unknown, secret: boolean, secrets: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => masked(item, secret, secrets));
  if (value instanceof Map) {
    return new Map([...value].map(([key, item]) => [key, masked(item, secret || isSecretKey(key), secrets)]));
  }
  if (typeof value !== "string") return value;
  if (secret) return maskValue(value);
  return maskText(secrets.reduce((text, known) => text.replaceAll(known, "***"), value));
}
