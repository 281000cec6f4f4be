import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { CtError } from "@classifier-training/base";
import { checkClipping } from "./clipping.ts";
import { checkLosses } from "./losses.ts";
import { checkOptimizers } from "./optimizers.ts";
import type { Section } from "./report.ts";
import { checkResnets } from "./resnet.ts";
import { checkSchedulers } from "./schedulers.ts";

/** The recordings of this repository. */
export const recordingsFolder: string = fileURLToPath(new URL("../test/fixtures/golden", import.meta.url));

type Check = (recordings: Readonly<Record<string, unknown>>) => readonly Section[];

function part(key: string, check: (recordings: never) => Section): Check {
  return (recordings) => (recordings[key] === undefined ? [] : [check(recordings[key] as never)]);
}

/** What is replayed, by the file of its recordings. */
export const checks: Readonly<Record<string, readonly Check[]>> = {
  "numerics.json": [
    part("losses", checkLosses),
    part("optimizers", checkOptimizers),
    part("clip_grad_norm", checkClipping),
  ],
  "schedulers.json": [(recordings) => [checkSchedulers(recordings)]],
  "resnet.json": [checkResnets],
};

/**
 * Replays the recordings of one file in a folder, plain or compressed (`.br`); undefined when it is not there.
 * @throws CtError for a damaged one
 */
export function replay(folder: string, file: string): readonly Section[] | undefined {
  const path = [file, `${file}.br`].map((name) => join(folder, name)).find((candidate) => existsSync(candidate));
  if (path === undefined) return undefined;
  let recordings: Record<string, unknown>;
  try {
    const bytes = readFileSync(path);
    recordings = JSON.parse((path.endsWith(".br") ? brotliDecompressSync(bytes) : bytes).toString());
  } catch (cause) {
    throw new CtError({ code: "conformance/format", what: (cause as Error).message, where: path, cause });
  }
  return (checks[file] ?? []).flatMap((check) => check(recordings));
}
