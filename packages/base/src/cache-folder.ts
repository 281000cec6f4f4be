import { homedir } from "node:os";
import { join, resolve } from "node:path";

/**
 * Where something that can be made again is kept: `$XDG_CACHE_HOME/classifier-training/KIND`, by default below
 * `~/.cache`. The folder may not exist yet.
 */
export function cacheFolder(kind: string, env: Readonly<Record<string, string | undefined>> = process.env): string {
  const base = env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return resolve(base.startsWith("~/") ? join(homedir(), base.slice(2)) : base, "classifier-training", kind);
}
