import { existsSync } from "node:fs";
import { VisionError } from "../../errors.ts";

/**
 * The files that a path with a range stands for, as WebDataset writes shards: `train-{000..009}.tar`.
 * @returns undefined for a path without a range
 * @throws VisionError naming the first one that does not exist
 */
export function shardsOf(path: string): string[] | undefined {
  const match = /^(.*)\{(\d+)\.\.(\d+)\}(.*)$/s.exec(path);
  if (match === null || existsSync(path)) return undefined;
  const [, before = "", first = "", last = "", after = ""] = match;
  const count = Number(last) - Number(first) + 1;
  if (!(count > 0 && count <= 1_000_000)) {
    throw new VisionError({
      code: "vision/shard",
      what: `${path}: expected a range of shards from the lower number to the higher, received {${first}..${last}}`,
    });
  }
  const width = first.length;
  const shards = Array.from(
    { length: count },
    (_, i) => `${before}${String(Number(first) + i).padStart(width, "0")}${after}`,
  );
  const missing = shards.filter((shard) => !existsSync(shard));
  if (missing.length === 0) return shards;
  throw new VisionError({
    code: "vision/data-root-missing",
    what: `${path}: ${missing.length} of ${count} shards do not exist, such as ${missing[0]}`,
    fix: "write the range of those that are there",
  });
}
