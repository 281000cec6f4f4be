import { ConfigError } from "./errors.ts";

const escapable = new Set(".[]=");

/**
 * The parts of a key path: `a.b[0]` is `a`, `b`, `0`. A backslash before `.`, `[`, `]` or `=` makes it part of the name.
 */
export function splitKey(path: string): string[] {
  return path.includes("\\") ? splitEscaped(path) : splitPlain(path);
}

function splitPlain(path: string): string[] {
  let headEnd = 0;
  while (path[headEnd] === ".") headEnd++;
  while (headEnd < path.length && path[headEnd] !== "." && path[headEnd] !== "[") headEnd++;
  const parts = path.slice(0, headEnd).split(".");
  if (headEnd === path.length) return parts;
  if (path[headEnd] === "[" && parts[parts.length - 1] === "") parts.pop();
  for (const match of path.slice(headEnd).matchAll(/\.([^.[]*)|\[(.*?)\]/g)) parts.push(match[1] || match[2] || "");
  return parts;
}

function splitEscaped(path: string): string[] {
  const parts: string[] = [];
  let index = 0;
  const read = (ends: string): string => {
    let part = "";
    while (index < path.length && !ends.includes(path[index] as string)) {
      if (path[index] === "\\" && escapable.has(path[index + 1] ?? "")) index++;
      part += path[index];
      index++;
    }
    return part;
  };
  if (path[0] !== "[") parts.push(read(".["));
  while (index < path.length) {
    const bracket = path[index] === "[";
    index++;
    const part = read(bracket ? "]" : ".[");
    if (bracket && index >= path.length) break;
    if (bracket) index++;
    parts.push(part);
  }
  return parts;
}

/** Index of the first `=` that no backslash escapes, or -1. */
export function findEquals(text: string): number {
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\" && escapable.has(text[i + 1] ?? "")) i++;
    else if (text[i] === "=") return i;
  }
  return -1;
}

/** The int that Python's `int(text)` gives; undefined where it raises. */
export function parsePythonInt(text: string): number | undefined {
  return /^\s*[-+]?\d+(?:_\d+)*\s*$/.test(text) ? Number(text.replaceAll("_", "")) : undefined;
}

/** The index that a part of a key path means in a list. */
export function listIndex(part: string, fullKey: string): number {
  const index = parsePythonInt(part);
  if (index !== undefined) return index;
  throw new ConfigError({ what: `a list has no key '${part}'`, fullKey, fix: "use the index of an item, from 0" });
}
