import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { readEntry } from "./read-entry.ts";
import type { SourceSpec } from "./source-spec.ts";

type Stored = Extract<SourceSpec, { kind: "files" | "shards" | "pixels" }>;

/** The file of an image of a source, as it is stored, or the pixels of one that was never a file. @throws when it cannot be read */
export function storedBytes(spec: SourceSpec, index: number): Uint8Array {
  const [stored, at] = storedAt(spec, index);
  switch (stored.kind) {
    case "files":
      return readFileSync(stored.paths[at] as string);
    case "shards": {
      const [offset, length] = [stored.offset[at] as number, stored.length[at] as number];
      const entry = { offset, length, deflated: stored.deflated[at] === 1 };
      return readEntry(stored.shards[stored.shard[at] as number] as string, entry, stored.names[at] ?? `image ${at}`);
    }
    case "pixels": {
      const size = stored.width * stored.height * stored.channels;
      return stored.data.subarray(at * size, (at + 1) * size);
    }
  }
}

/** The size of what `storedBytes` returns, and its start. Of a file no more is read. @param most bytes of the start */
export function storedStart(spec: SourceSpec, index: number, most: number): { size: number; start: Uint8Array } {
  const [stored, at] = storedAt(spec, index);
  if (stored.kind !== "files") {
    const bytes = storedBytes(stored, at);
    return { size: bytes.length, start: bytes.subarray(0, most) };
  }
  const file = openSync(stored.paths[at] as string, "r");
  try {
    const start = Buffer.alloc(most);
    return { size: fstatSync(file).size, start: start.subarray(0, readSync(file, start, 0, most, 0)) };
  } finally {
    closeSync(file);
  }
}

/** Where an image of a cached, changed or composed source is stored. */
function storedAt(spec: SourceSpec, index: number): [stored: Stored, index: number] {
  switch (spec.kind) {
    case "cached":
    case "stepped":
      return storedAt(spec.of, index);
    case "subset":
      return storedAt(spec.of, spec.indices[index] as number);
    case "concat": {
      let rest = index;
      for (const { of, length } of spec.parts) {
        if (rest < length) return storedAt(of, rest);
        rest -= length;
      }
      throw new RangeError(`the source has no image ${index}`);
    }
    default:
      return [spec, index];
  }
}
