import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { RecordSchema } from "../proto/wandb.generated.ts";

type RecordInit = MessageInitShape<typeof RecordSchema>;
export type RecordContent = NonNullable<RecordInit["recordType"]>;

/** The file policies and types of a FilesRecord. */
export const filePolicy = { now: 0, end: 1, live: 2 } as const;
export const fileType = { other: 0, wandb: 1, media: 2, artifact: 3 } as const;

export interface Item {
  readonly nestedKey: string[];
  readonly valueJson: string;
}

export function encodeRecord(num: number, recordType: RecordContent): Uint8Array {
  return toBinary(RecordSchema, create(RecordSchema, { num: BigInt(num), recordType }));
}

/** Names and values as record items: JSON, in W&B's dialect with NaN and Infinity. */
export function items(values: Readonly<Record<string, unknown>>): Item[] {
  const result: Item[] = [];
  for (const key in values) result.push({ nestedKey: [key], valueJson: wandbJson(values[key]) });
  return result;
}

/** An item as it is read back. */
export interface RecordItem {
  readonly key: string;
  readonly nestedKey: readonly string[];
  readonly valueJson: string;
}

/** The key of an item read back: a nested one is a path. */
export function itemPath({
  key,
  nestedKey,
}: {
  readonly key: string;
  readonly nestedKey: readonly string[];
}): readonly string[] {
  return nestedKey.length > 0 ? nestedKey : [key];
}

export function wandbJson(value: unknown): string {
  if (typeof value === "number")
    return Number.isFinite(value) ? String(value) : Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  if (Array.isArray(value)) return `[${value.map(wandbJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
    return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${wandbJson(inner)}`).join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

/** Parses W&B's JSON dialect; what cannot be parsed is `undefined`. */
export function parseWandbJson(text: string): unknown {
  if (text === "NaN") return Number.NaN;
  if (text === "Infinity") return Number.POSITIVE_INFINITY;
  if (text === "-Infinity") return Number.NEGATIVE_INFINITY;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function timestamp(ms: number): ReturnType<typeof timestampFromMs> {
  return timestampFromMs(ms);
}

/** Run ids are as the official client makes them: eight of a-z, 0-9. */
export function makeRunId(length = 8): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  const bytes = crypto.getRandomValues(new Uint8Array(length * 4));
  let id = "";
  for (const byte of bytes) if (byte < 252 && id.length < length) id += alphabet[byte % 36];
  return id;
}

/** A tree for `setPath`: whatever keys a log has, they are keys of the tree. */
export function emptyTree(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}

/** Puts an item into a tree, at its path. */
export function setPath(tree: Record<string, unknown>, item: RecordItem): void {
  const path = itemPath(item);
  let level = tree;
  for (const key of path.slice(0, -1)) {
    const inner = Object.hasOwn(level, key) ? level[key] : undefined;
    if (typeof inner === "object" && inner !== null && !Array.isArray(inner)) level = inner as Record<string, unknown>;
    else {
      const made = emptyTree();
      level[key] = made;
      level = made;
    }
  }
  level[path.at(-1) as string] = parseWandbJson(item.valueJson);
}
