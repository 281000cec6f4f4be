import { isAbsolute, resolve } from "node:path";
import { getLogger } from "@classifier-training/base";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { findAll, loadNewest } from "../checkpoint/find.ts";
import type { CheckpointSummary } from "../checkpoint/format.ts";
import { loadCheckpoint, summaryOf } from "../checkpoint/load.ts";
import type { RunIdentity } from "../checkpoint/run-signature.ts";
import type { CheckpointCallback } from "../core/checkpoint-callback.ts";
import type { TrainerFn, TrainerView } from "../core/trainer-view.ts";
import { LightningError } from "../utilities/errors.ts";

const log = getLogger("lightning.checkpoint");

/** The run id in checkpoints of `fastDevRun`. */
export const fastDevRunId = "fast-dev-run";

export interface ChosenCheckpoint {
  readonly path: string;
  readonly checkpoint: Checkpoint;
  /** Whether the run that wrote it is continued: an explicit file starts a branch, and what was written after it stays. */
  readonly continuesRun: boolean;
}

interface Wish {
  readonly trainer: TrainerView;
  readonly fn: TrainerFn;
  readonly ckptPath: string | null;
  /** Whether the call has passed a module, so that null means its weights as they are. */
  readonly modelProvided: boolean;
  readonly callbacks: readonly CheckpointCallback[];
  readonly identity: RunIdentity | undefined;
}

/**
 * Loads the file that `ckptPath` stands for: null, "last", "best" or a path.
 * @throws LightningError when there is none (except for "last", which then starts from scratch) or it is damaged
 */
export function chooseCheckpoint(wish: Wish): ChosenCheckpoint | undefined {
  const { fn, ckptPath, modelProvided } = wish;
  if (ckptPath === null && modelProvided) return undefined;
  if (ckptPath === null) {
    log.warning(
      `.${fn}() was called without a model: the best model of the previous fit is used; ` +
        `pass ckptPath "best" or "last" to say so`,
    );
  }
  const chosen = choose(wish, ckptPath ?? "best");
  if (chosen === undefined) return undefined;
  log.info(`Restoring states from the checkpoint at ${chosen.path}`);
  return { ...chosen, continuesRun: fn === "fit" && ckptPath === "last" };
}

type Loaded = Pick<ChosenCheckpoint, "path" | "checkpoint">;

function choose(wish: Wish, ckptPath: string): Loaded | undefined {
  if (ckptPath === "last") return chooseLast(wish);
  return load(ckptPath === "best" ? bestPath(wish) : isAbsolute(ckptPath) ? ckptPath : resolve(ckptPath));
}

function load(path: string): Loaded {
  return { path, checkpoint: loadCheckpoint(path) };
}

function chooseLast({ fn, callbacks, trainer, identity }: Wish): Loaded | undefined {
  const found = callbacks.map((callback) => callback.findLast(trainer));
  // A trial run is never resumed; weights alone are not enough for training.
  const accepts = (summary: CheckpointSummary) =>
    summary.runId !== fastDevRunId && (fn !== "fit" || (identity?.resumes(summary) ?? true));
  const usable = (summary: CheckpointSummary) => accepts(summary) && (fn !== "fit" || !summary.weightsOnly);
  const all = found.flatMap((each) => each.last).map((path) => ({ path, summary: summaryOf(path) }));
  // One without a summary is damaged, which loading it will say.
  const last = all.filter(({ summary }) => summary === undefined || usable(summary)).map(({ path }) => path);
  const others = () => found.flatMap(({ folder, extension }) => findAll(folder, extension));
  const newest = loadNewest(last, others, usable);
  if (newest !== undefined) return newest;
  const weightsOnly = all.find(({ summary }) => summary?.weightsOnly === true && accepts(summary));
  if (weightsOnly !== undefined) return load(weightsOnly.path);
  log.info(`.${fn}(ckptPath: "last"): there is no checkpoint yet, starting from scratch`);
  return undefined;
}

function bestPath({ fn, callbacks, trainer }: Wish): string {
  const [callback] = callbacks;
  const call = `.${fn}(ckptPath: "best")`;
  if (callbacks.length > 1)
    log.warning(`${call}: there are several checkpoint callbacks, the first one's best is used`);
  if (callback === undefined) throw noBest(`${call} is set but \`ModelCheckpoint\` is not configured.`);
  if (callback.bestModelPath !== "") return callback.bestModelPath;
  if (trainer.fastDevRun !== false)
    throw noBest(`You cannot execute ${call} with fastDevRun: it saves no checkpoints.`);
  throw noBest(`${call} is set but \`ModelCheckpoint\` is not configured to save the best model.`);
}

function noBest(what: string): LightningError {
  return new LightningError({
    code: "checkpoint/no-best",
    what,
    fix: "give the path of a checkpoint, or fit with a ModelCheckpoint first",
  });
}
