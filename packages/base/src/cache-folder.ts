import { homedir } from "node:os";
import { join, resolve } from "node:path";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where programs keep what they can make again: `$XDG_CACHE_HOME`, by default `~/.cache`. */
export function userCacheFolder(env: Environment = process.env): string {
  return expandHome(env["XDG_CACHE_HOME"]) ?? join(homedir(), ".cache");
}

/** Where this project keeps what it can make again, by kind. The folder may not exist yet. */
export function cacheFolder(kind: string, env: Environment = process.env): string {
  return join(userCacheFolder(env), "classifier-training", kind);
}

/** An absolute path, `~/` being the home folder; undefined for a variable that is not set. */
export function expandHome(path: string | undefined): string | undefined {
  if (path === undefined || path === "") return undefined;
  return resolve(path.startsWith("~/") ? join(homedir(), path.slice(2)) : path);
}
