import { join } from "node:path";
import { readRegularFile, writeFileAtomic } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";
import { runPaths } from "./names.ts";

/** By dotted key (list items by their index): where a value of the configuration was set, and what it replaced, in lines. */
export type Origins = Readonly<Record<string, readonly string[]>>;

const originsSchema = z.record(z.string(), z.array(z.string()));
const maxBytes = 16 * 2 ** 20;

export function writeOrigins(dir: string, origins: Origins): void {
  writeFileAtomic(join(dir, runPaths.origins), `${JSON.stringify(origins)}\n`);
}

/** Undefined for a run that did not note them, or a damaged file. */
export function readOrigins(dir: string): Origins | undefined {
  try {
    return originsSchema.parse(JSON.parse(readRegularFile(join(dir, runPaths.origins), maxBytes).toString("utf8")));
  } catch {
    return undefined;
  }
}
