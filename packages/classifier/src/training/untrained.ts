import { CtError, displayPath, type Problem, plural } from "@classifier-training/base";
import { Callback, Timer, type TrainerView } from "@classifier-training/lightning";
import type { RunWriter } from "@classifier-training/runs";
import type { ResumedRun } from "./lineage.ts";

/** There was nothing to train. */
class NothingTrained extends CtError {
  /** The directory of the run that has done it all before. */
  readonly completeIn: string | undefined;

  constructor(problem: Problem, completeIn: string | undefined) {
    super(problem);
    this.completeIn = completeIn;
  }
}

/** The directory of the run that a training has found complete, and why there was nothing to train; undefined for another error. */
export function completeRun(
  error: unknown,
  { dir, statusBefore }: RunWriter,
): { readonly dir: string; readonly why: string } | undefined {
  if (!(error instanceof NothingTrained)) return undefined;
  const found = statusBefore === "success" ? dir : error.completeIn;
  const { what, fix } = error.problem;
  return found === undefined ? undefined : { dir: found, why: `${what}; ${fix}` };
}

/**
 * Ends a training that has not taken a single step with an error, before anything is exported in its name.
 * A run whose predecessor was stopped between its last step and its end has that end left to do: it may pass.
 */
export class RefuseUntrained extends Callback {
  readonly #resumed: ResumedRun | undefined;

  constructor(resumed: ResumedRun | undefined) {
    super();
    this.#resumed = resumed;
  }

  override get order(): "first" {
    return "first";
  }

  /** The others have no run directory to keep clean. */
  override get rankZeroOnly(): boolean {
    return true;
  }

  override onFitEnd(trainer: TrainerView): void {
    const { globalStep, resumedStep } = trainer;
    if (globalStep > resumedStep || (this.#resumed?.hasEndLeft && globalStep > 0)) return;
    const { why, fix } = cause(trainer);
    const dir = this.#resumed?.completeIn;
    const complete = dir === undefined ? "" : `. This run is complete: ${displayPath(dir)}`;
    throw new NothingTrained(
      { code: "classifier/untrained", what: `nothing was trained: ${why}${complete}`, fix },
      dir,
    );
  }
}

function cause(trainer: TrainerView): { why: string; fix: string } {
  const { maxEpochs, maxSteps, globalStep, numTrainingBatches, ckptPath, resumedStep, currentEpoch } = trainer;
  const anew = "or start anew with resume=false";
  if (maxEpochs === 0) return { why: "trainer.max_epochs is 0", fix: "raise trainer.max_epochs" };
  if (maxSteps === 0) return { why: "trainer.max_steps is 0", fix: "raise trainer.max_steps" };
  if (numTrainingBatches === 0 || !Number.isFinite(numTrainingBatches)) {
    return {
      why: "there are no batches to train on",
      fix: "raise trainer.limit_train_batches, or lower data.batch_size if it is larger than the training data",
    };
  }
  if (resumedStep > 0 && maxSteps !== -1 && globalStep >= maxSteps) {
    return {
      why: `${ckptPath} has reached step ${globalStep}, and trainer.max_steps is ${maxSteps}`,
      fix: `raise trainer.max_steps, ${anew}`,
    };
  }
  if (resumedStep > 0 && maxEpochs !== -1 && currentEpoch >= maxEpochs) {
    return {
      why: `${ckptPath} has completed ${plural(currentEpoch, "epoch")}, and trainer.max_epochs is ${maxEpochs}`,
      fix: `raise trainer.max_epochs, ${anew}`,
    };
  }
  const timer = trainer.callbacks.find((callback) => callback instanceof Timer);
  if (timer !== undefined && timer.timeRemaining() <= 0) {
    const since = resumedStep > 0 ? ", with the time of the run that it resumes" : "";
    return { why: `trainer.max_time was over before the first step${since}`, fix: `raise trainer.max_time, ${anew}` };
  }
  return { why: "a callback has stopped training before the first step", fix: "the log above says which" };
}
