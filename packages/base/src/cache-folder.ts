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
