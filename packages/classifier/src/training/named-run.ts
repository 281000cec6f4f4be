import { existsSync, statSync } from "node:fs";
import { dirname, extname, join, resolve } from "node:path";
import { CtError, didYouMean, displayPath, nearestName } from "@classifier-training/base";
import { checkpointExtension, listRuns, type Run, runPaths } from "@classifier-training/runs";

/** A run directory that a user named. */
export interface NamedRun {
  readonly dir: string;
  /** Hydra's arguments that compose its configuration again. */
  readonly configArguments: readonly string[];
}

/** The run at a path. @throws CtError naming the nearest when there is none */
export async function findRun(path: string): Promise<NamedRun> {
  const dir = resolve(path);
  if (existsSync(join(dir, runPaths.config)))
    return { dir, configArguments: ["--config-path", join(dir, runPaths.hydra), "--config-name", "config"] };
  const stat = statSync(dir, { throwIfNoEntry: false });
  throw new CtError({
    code: "classifier/run",
    what: stat === undefined ? "the run does not exist" : `not a run directory: it has no ${runPaths.config}`,
    where: path,
    fix:
      extname(path) === checkpointExtension
        ? `a checkpoint is given as --ckpt ${path}`
        : ((await nearestRun(path)) ?? "give a folder that `classifier train` made, such as outputs/DATE/TIME"),
  });
}

/** The run whose path is most like one that does not exist; where none is, the newest that has left a model or a checkpoint; undefined without runs. */
export async function nearestRun(path: string): Promise<string | undefined> {
  const dir = resolve(path);
  let root = dirname(dir);
  while (!existsSync(root)) root = dirname(root);
  // Not the whole project: its data may be large.
  const runs = listRuns(root === process.cwd() ? join(root, "outputs") : root);
  const { ownCheckpoints } = await import("./checkpoints.ts");
  const isUsable = ({ dir, record }: Run) =>
    existsSync(join(dir, runPaths.model)) || ownCheckpoints(dir, record).length > 0;
  const near = nearestName(
    dir,
    runs.map((run) => run.dir),
  );
  const similar = didYouMean(near && displayPath(near));
  if (similar !== undefined) return similar;
  const newest = runs.find(isUsable);
  return newest && `the newest run is ${displayPath(newest.dir)}`;
}
