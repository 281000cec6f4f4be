import { readFileSync } from "node:fs";
import { readEntry } from "./read-entry.ts";
import type { SourceSpec } from "./source-spec.ts";

/** The file of an image of a source, as it is stored, or the pixels of one that was never a file. @throws when it cannot be read */
export function storedBytes(spec: SourceSpec, index: number): Uint8Array {
  switch (spec.kind) {
    case "files":
      return readFileSync(spec.paths[index] as string);
    case "shards": {
      const [offset, length] = [spec.offset[index] as number, spec.length[index] as number];
      const entry = { offset, length, deflated: spec.deflated[index] === 1 };
      return readEntry(spec.shards[spec.shard[index] as number] as string, entry, spec.names[index] as string);
    }
    case "pixels": {
      const size = spec.width * spec.height * spec.channels;
      return spec.data.subarray(index * size, (index + 1) * size);
    }
    case "cached":
    case "stepped":
      return storedBytes(spec.of, index);
    case "subset":
      return storedBytes(spec.of, spec.indices[index] as number);
    case "concat": {
      let rest = index;
      for (const { of, length } of spec.parts) {
        if (rest < length) return storedBytes(of, rest);
        rest -= length;
      }
      throw new RangeError(`the source has no image ${index}`);
    }
  }
}
