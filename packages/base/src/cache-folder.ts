import { readdirSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { CtError } from "./errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where programs keep what they can make again: `$XDG_CACHE_HOME`, by default `~/.cache`. */
export function userCacheFolder(env: Environment = process.env): string {
  return pathOfVariable(env["XDG_CACHE_HOME"]) ?? join(home(), ".cache");
}

/** Where this project keeps what it can make again, by kind. The folder may not exist yet. */
export function cacheFolder(kind: string, env: Environment = process.env): string {
  return join(userCacheFolder(env), "classifier-training", kind);
}

/**
 * Removes the files or folders of a cache that were not changed for longest, until the others have at most so many bytes.
 * @param keep one that stays
 */
export function trimCache(folder: string, maxBytes: number, keep: string): void {
  const entries = readdirSync(folder).map((name) => join(folder, name));
  const stats = entries.map((path) => ({ path, stat: statSync(path, { throwIfNoEntry: false }) }));
  let total = 0;
  for (const { path, stat } of stats.sort((a, b) => (b.stat?.mtimeMs ?? 0) - (a.stat?.mtimeMs ?? 0))) {
    total += stat?.isDirectory() ? bytesIn(path) : (stat?.size ?? 0);
    if (total > maxBytes && path !== keep) rmSync(path, { recursive: true, force: true });
  }
}

function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((a, b) => a + b, 0);
}

/** A path whose `~` at the start stands for the home folder, as in a shell. */
export function expandHome(path: string): string {
  return path.replace(/^~(?=\/|$)/, home);
}

function home(): string {
  try {
    return homedir();
  } catch (cause) {
    throw new CtError({
      code: "base/home",
      what: "this user has no home folder",
      fix: "set XDG_CACHE_HOME to a folder that may be written",
      cause,
    });
  }
}

/** The absolute path that an environment variable holds; undefined where it is not set, or empty. */
export function pathOfVariable(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : resolve(expandHome(value));
}
