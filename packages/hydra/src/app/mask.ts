import { isSecretKey, secretMask } from "../omegaconf/secrets.ts";

/** An override with its value masked when its key is that of a secret (`*_key`, `*token*`, `*password*`). */
export function maskOverride(line: string): string {
  const equals = line.indexOf("=");
  if (equals === -1) return line;
  const parts = line.slice(0, equals).split(/[.@/+~]/);
  const value = line.slice(equals + 1);
  const isReference = /^\$\{[^}]*\}$/.test(value);
  if (isReference || value === "" || !parts.some(isSecretKey)) return line;
  return `${line.slice(0, equals + 1)}'${secretMask}'`;
}
