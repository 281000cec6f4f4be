import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { readRun, runPaths } from "@classifier-training/runs";

/** A run directory that a user named. */
export interface NamedRun {
  readonly dir: string;
  /** Hydra's arguments that compose its configuration again. */
  readonly configArguments: readonly string[];
  readonly checkpoint: string | undefined;
}

/** The run at a path, if the path is one: it has a configuration. */
export function findRun(path: string): NamedRun | undefined {
  const dir = resolve(path);
  if (!existsSync(join(dir, runPaths.config))) return undefined;
  const { checkpointPath } = readRun(dir)?.record ?? {};
  const checkpoint = checkpointPath === undefined ? undefined : resolve(dir, checkpointPath);
  return {
    dir,
    configArguments: ["--config-path", join(dir, ".hydra"), "--config-name", "config"],
    checkpoint: checkpoint !== undefined && existsSync(checkpoint) ? checkpoint : undefined,
  };
}
