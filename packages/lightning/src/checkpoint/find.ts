import { readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { getLogger } from "@classifier-training/base";
import { LightningError } from "../core/errors.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { loadCheckpoint } from "./load.ts";

const log = getLogger("lightning.checkpoint");

/** Files of a folder whose names start as the last checkpoint's do, the newest first. */
export function findLast(folder: string, lastName: string, extension: string): readonly string[] {
  const pattern = new RegExp(`^${escapeRegex(lastName)}(-(\\d+))?`);
  return newestFirst(folder, (stem) => pattern.test(stem), extension);
}

/** All checkpoints of a folder, the newest first. */
export function findAll(folder: string, extension: string): readonly string[] {
  return newestFirst(folder, () => true, extension);
}

function newestFirst(folder: string, accepts: (stem: string) => boolean, extension: string): readonly string[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(extension) && accepts(name.slice(0, -extension.length)))
    .map((name) => ({
      path: join(folder, name),
      time: statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs,
    }))
    .filter((entry): entry is { path: string; time: number } => entry.time !== undefined)
    .sort((a, b) => b.time - a.time)
    .map(({ path }) => path);
}

function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/**
 * Loads the first of the candidates that is whole; each that is not is named in a warning.
 * @throws LightningError when there are candidates and all of them are damaged
 */
export function loadFirstIntact(candidates: Iterable<string>): { path: string; checkpoint: Checkpoint } | undefined {
  let damaged: string | undefined;
  for (const path of candidates) {
    try {
      const checkpoint = loadCheckpoint(path);
      if (damaged !== undefined) log.warning(`using the previous checkpoint instead: ${path}`);
      return { path, checkpoint };
    } catch (error) {
      if (!(error instanceof LightningError) || error.code !== "checkpoint/corrupt") throw error;
      log.warning(`skipping ${basename(path)}: ${error.problem.what}`);
      damaged ??= path;
    }
  }
  if (damaged === undefined) return undefined;
  throw new LightningError({
    code: "checkpoint/corrupt",
    what: "every checkpoint of the folder is damaged",
    where: damaged,
    fix: "restore one from a backup, or remove the folder to start from scratch",
  });
}
