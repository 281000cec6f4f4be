import { existsSync, readdirSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { epochOfFolder, evaluationFolders, evaluationPaths } from "./names.ts";
import { readRun } from "./run-reader.ts";

/** The folder of an evaluation of a run. */
export interface EvaluationFolder {
  /** `epoch_003`, `validate`, `test`; `best` for what a run's best weights said of validation when it ended. */
  readonly name: string;
  readonly folder: string;
  /** Counted from 0; of a validation in training. */
  readonly epoch?: number;
}

const bestName = "best";

/**
 * The evaluations of a run: those of its epochs in their order, that of its best weights, then those of other commands. The first epochs of a resumed run
 * are in the run that it resumed; an epoch that both have is its own.
 */
export function evaluationsOf(dir: string): EvaluationFolder[] {
  const found = new Map(foldersOf(dir, Number.POSITIVE_INFINITY, new Set()).map((one) => [one.name, one]));
  const place = ({ epoch }: EvaluationFolder) => epoch ?? Number.MAX_SAFE_INTEGER;
  return [...found.values()].sort((a, b) => place(a) - place(b));
}

function foldersOf(dir: string, untilEpoch: number, seen: Set<string>): EvaluationFolder[] {
  // Records are files: one could say that the runs continue each other.
  if (!existsSync(dir) || !statSync(dir).isDirectory() || seen.has(resolve(dir))) return [];
  seen.add(resolve(dir));
  const isOwn = untilEpoch === Number.POSITIVE_INFINITY;
  const hasBest = isOwn && existsSync(join(dir, evaluationPaths.predictions));
  const own = readdirSync(dir)
    .sort()
    .flatMap((name): EvaluationFolder[] => {
      const epoch = epochOfFolder(name);
      if (epoch !== undefined) return epoch <= untilEpoch ? [{ name, folder: join(dir, name), epoch }] : [];
      return isOwn && Object.values(evaluationFolders).includes(name) ? [{ name, folder: join(dir, name) }] : [];
    });
  const { continues } = readRun(dir)?.record ?? {};
  const earlier = continues?.dir === undefined ? undefined : join(dir, continues.dir);
  const before =
    earlier === undefined || relative(earlier, dir) === "" ? [] : foldersOf(earlier, continues?.epoch ?? -1, seen);
  return [...before, ...(hasBest ? [{ name: bestName, folder: dir }] : []), ...own];
}
