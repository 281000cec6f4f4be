import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { cacheFolder, temporaryPath } from "@classifier-training/base";
import { drawingVersion, type SynthOptions, type SynthRequest, writeSynthetic } from "./dataset.ts";

/**
 * Draws pictures that are not drawn yet, into the user's cache: the same requests and options find them again. The
 * folder is complete or absent, also when several processes draw at once.
 *
 * @returns the folder, with its `annotations.jsonl`
 */
export async function drawOnce(
  requests: readonly SynthRequest[],
  options: Omit<SynthOptions, "folder">,
): Promise<string> {
  const { onProgress: _, ...drawn } = options;
  const key = createHash("sha256")
    .update(JSON.stringify([drawingVersion, requests, drawn]))
    .digest("hex")
    .slice(0, 16);
  const folder = join(cacheFolder("synthetic"), key);
  if (existsSync(folder)) return folder;
  const unfinished = temporaryPath(folder);
  mkdirSync(dirname(folder), { recursive: true });
  try {
    await writeSynthetic(requests, { ...options, folder: unfinished });
    if (!existsSync(folder)) renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}
