import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { expandHome, getLogger, suggestion } from "@classifier-training/base";
import { runPaths } from "@classifier-training/runs";
import { findLast } from "../checkpoint/find.ts";
import { summaryOf } from "../checkpoint/load.ts";
import type { LastCheckpoints } from "../core/checkpoint-callback.ts";
import type { TrainerView } from "../core/trainer-view.ts";
import type { MetricValues } from "../metrics/logged-values.ts";
import { formatCheckpointName, placeholders } from "./checkpoint-name.ts";
import type { ParsedModelCheckpointOptions } from "./model-checkpoint-options.ts";

const log = getLogger("lightning.checkpoint");

/** Lightning's class attributes of ModelCheckpoint, which subclasses override. */
export interface CheckpointNames {
  readonly checkpointJoinChar: string;
  readonly checkpointEqualsChar: string;
  readonly checkpointNameLast: string;
  readonly fileExtension: string;
  readonly startingVersion: number;
}

/** Where a ModelCheckpoint's files are, and what they are called. */
export class CheckpointFiles {
  readonly #options: ParsedModelCheckpointOptions;
  readonly #names: CheckpointNames;
  /** The folder; null until `setup` where the options do not name it. */
  folder: string | null;
  /** Whether this run was resumed from a checkpoint of this callback. */
  isResumed = false;

  constructor(options: ParsedModelCheckpointOptions, names: CheckpointNames) {
    this.#options = options;
    this.#names = names;
    this.folder = options.dirpath === null ? null : resolve(expandHome(options.dirpath));
  }

  /** The folder; by default the logger's, or one under the trainer's root folder. */
  folderOf(trainer: TrainerView): string {
    if (this.folder !== null) return this.folder;
    const [logger] = trainer.loggers;
    if (logger === undefined) return join(trainer.defaultRootDir, runPaths.checkpoints);
    const { version } = logger;
    const folder = typeof version === "string" ? version : `version_${version ?? 0}`;
    return join(logger.saveDir ?? trainer.defaultRootDir, String(logger.name ?? ""), folder, runPaths.checkpoints);
  }

  /** The file for metrics by a template. */
  path(metrics: Readonly<MetricValues>, template: string | null, version?: number): string {
    const { checkpointJoinChar: join_, checkpointEqualsChar: equals, fileExtension } = this.#names;
    const { autoInsertMetricName } = this.#options;
    const name = formatCheckpointName(template, metrics, { autoInsertMetricName, join: join_, equals });
    const full = `${version === undefined ? name : `${name}${join_}v${version}`}${fileExtension}`;
    return this.folder === null ? full : join(this.folder, full);
  }

  /**
   * The file for metrics, with a version where the name is taken by a file that this save does not replace.
   * @param isKept whether a file is among those that stay
   */
  freePath(
    trainer: TrainerView,
    metrics: Readonly<MetricValues>,
    template: string | null,
    replaced: string,
    isKept: (path: string) => boolean,
  ): string {
    warnOfMissing(metrics, template);
    let path = this.path(metrics, template);
    if (!this.#options.enableVersionCounter) return path;
    const isTaken = () =>
      path !== replaced && trainer.checkpointExists(path) && (isKept(path) || !this.#isOwnFuture(trainer, path));
    for (let version = this.#names.startingVersion; isTaken(); version++) path = this.path(metrics, template, version);
    return path;
  }

  /** A file that this very run wrote after the point that it was resumed from, before it was killed. */
  #isOwnFuture(trainer: TrainerView, path: string): boolean {
    if (!this.isResumed || !existsSync(path)) return false;
    const summary = summaryOf(path);
    // A damaged file is worth nothing: it can be overwritten.
    if (summary === undefined) return true;
    return isOfRun(trainer, summary.runId) && (summary.globalStep ?? -1) >= trainer.resumedStep;
  }

  lastPath(trainer: TrainerView, metrics: Readonly<MetricValues>, replaced: string, isKept: (path: string) => boolean) {
    return this.freePath(trainer, metrics, this.#names.checkpointNameLast, replaced, isKept);
  }

  findLast(trainer: TrainerView): LastCheckpoints {
    const { checkpointNameLast, fileExtension } = this.#names;
    const folder = this.folderOf(trainer);
    return { last: findLast(folder, checkpointNameLast, fileExtension), folder, extension: fileExtension };
  }

  /** A last checkpoint of this very run, of this callback or another one with the same folder. */
  ownLast(trainer: TrainerView): string | undefined {
    return this.findLast(trainer).last.find((path) => isOfRun(trainer, summaryOf(path)?.runId));
  }

  /** Whether a file may go for another one: it lies in the folder, and is not the one that the run was resumed from. */
  mayRemove(trainer: TrainerView, previous: string, current: string): boolean {
    if (previous === "" || previous === current) return false;
    if (trainer.ckptPath !== undefined && resolve(trainer.ckptPath) === resolve(previous)) return false;
    return resolve(previous).startsWith(`${resolve(this.folder ?? "")}/`);
  }
}

/** A wrong name in the file name is known by now, if it was not before the first step. */
function warnOfMissing(metrics: Readonly<MetricValues>, template: string | null): void {
  for (const name of placeholders(template).filter((one) => metrics[one] === undefined)) {
    const fix = suggestion(name, Object.keys(metrics));
    log.warnOnce(`ModelCheckpoint(filename='${template}'): nothing has logged '${name}', which is 0 there (${fix})`);
  }
}

/** Whether an id is that of the trainer's run, or of one that it resumed. */
function isOfRun({ runId, continuedRuns }: TrainerView, id: string | undefined): boolean {
  return id !== undefined && (id === runId || continuedRuns.includes(id));
}

/** A ModelCheckpoint's state with its paths in the folder as it is now, when the files were moved or copied there with it. */
export function relocated(state: Record<string, unknown>, folder: string | null): Record<string, unknown> {
  const { dirpath: before, bestModelPath, lastModelPath } = state;
  if (typeof before !== "string" || folder === null || before === folder) return state;
  const here = (path: unknown) =>
    typeof path === "string" && path.startsWith(`${before}/`) ? join(folder, path.slice(before.length)) : path;
  const files = [bestModelPath, lastModelPath].filter((path) => typeof path === "string" && path !== "").map(here);
  if (files.length === 0 || !files.every((path) => existsSync(path as string))) return state;
  const moved = (values: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, here(value)]));
  const best = state["best"] as { readonly scores: ReadonlyMap<string, number> };
  const scores = new Map([...best.scores].map(([path, score]) => [here(path) as string, score]));
  return { ...moved(state), dirpath: folder, best: { ...moved({ ...best }), scores } };
}
