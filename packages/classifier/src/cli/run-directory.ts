import { existsSync, statSync } from "node:fs";
import { dirname, extname, join, relative, resolve } from "node:path";
import { CtError, nearestName } from "@classifier-training/base";
import { listRuns, runPaths } from "@classifier-training/runs";

/** A run directory that a user named. */
export interface NamedRun {
  readonly dir: string;
  /** Hydra's arguments that compose its configuration again. */
  readonly configArguments: readonly string[];
}

/** The run at a path. @throws CtError naming the nearest when there is none */
export function findRun(path: string): NamedRun {
  const dir = resolve(path);
  if (existsSync(join(dir, runPaths.config)))
    return { dir, configArguments: ["--config-path", join(dir, ".hydra"), "--config-name", "config"] };
  const stat = statSync(dir, { throwIfNoEntry: false });
  throw new CtError({
    code: "classifier/run",
    what: stat === undefined ? "there is no such run" : "this is not a run directory: it has no .hydra/config.yaml",
    where: path,
    fix: extname(path) === ".ckpt" ? `a checkpoint is given as --ckpt ${path}` : nearestRun(path),
  });
}

/** The run whose path is most like one that does not exist; the newest, where none is. */
export function nearestRun(path: string): string {
  const dir = resolve(path);
  let root = dirname(dir);
  while (!existsSync(root)) root = dirname(root);
  // Not the whole project: its data may be large.
  const runs = listRuns(root === process.cwd() ? join(root, "outputs") : root).map((run) => run.dir);
  const [newest] = runs;
  if (newest === undefined) return "give a folder that `classifier train` made, such as outputs/DATE/TIME";
  const shown = (path: string) => relative(process.cwd(), path) || ".";
  const near = nearestName(dir, runs);
  return near === undefined ? `the newest run is ${shown(newest)}` : `did you mean '${shown(near)}'?`;
}
