import { floatRepr } from "@classifier-training/base";
import { Float } from "../yaml/scalars.ts";
import { DictConfig, ListConfig } from "./containers.ts";
import { Node, ResultNode, ValueNode } from "./node.ts";

/** Python's `str(value)`: what an interpolation inside a longer string becomes. */
export function pythonStr(value: unknown): string {
  if (value instanceof ValueNode || value instanceof ResultNode) return pythonStr(value.value);
  return typeof value === "string" ? value : pythonRepr(value);
}

/** Python's `repr(value)` of scalars, lists and dicts. */
export function pythonRepr(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return reprString(value);
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : floatRepr(value);
  if (typeof value === "bigint" || value instanceof Float) return value.toString();
  if (value instanceof Uint8Array) return reprBytes(value);
  if (value instanceof ValueNode || value instanceof ResultNode) return pythonRepr(value.value);
  if (value instanceof ListConfig) return `[${value.content.map(pythonRepr).join(", ")}]`;
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(", ")}]`;
  const entries = entriesOf(value);
  if (entries === undefined) return String(value);
  return `{${entries.map(([key, item]) => `${pythonRepr(key)}: ${pythonRepr(item)}`).join(", ")}}`;
}

function entriesOf(value: unknown): [unknown, unknown][] | undefined {
  if (value instanceof DictConfig) return [...value.nodes()].map((node) => [node.key, node]);
  if (value instanceof Map) return [...value];
  if (typeof value !== "object" || value === null || value instanceof Node) return undefined;
  return Object.getPrototypeOf(value) === Object.prototype ? Object.entries(value) : undefined;
}

const named: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Zs}]/u;

function reprString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let shown = "";
  for (const char of text) {
    const escaped = named[char] ?? (char === quote ? `\\${char}` : undefined);
    shown += escaped ?? (char !== " " && unprintable.test(char) ? escapeCode(char) : char);
  }
  return quote + shown + quote;
}

function escapeCode(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

function reprBytes(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("latin1");
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let shown = "";
  for (const char of text) {
    const plain = char >= " " && char <= "~" && char !== quote && char !== "\\";
    shown += plain ? char : (named[char] ?? (char === quote ? `\\${char}` : escapeCode(char)));
  }
  return `b${quote}${shown}${quote}`;
}
