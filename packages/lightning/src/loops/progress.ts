import type { LoopState, Phase } from "../checkpoint/checkpoint.ts";
import type { Stage, Status, TrainerFn } from "../core/trainer-view.ts";

/** What the trainer is doing; written by the loops only. */
export class RunState {
  fn: TrainerFn | undefined;
  stage: Stage | undefined;
  status: Status = "initializing";
  shouldStop = false;
  /** Whether training has come to its end, and only the hooks after it are left. */
  trained = false;
}

/** The counters of training. Each counts one thing, and only its loop writes it. */
export class Progress {
  /** The epoch in progress, from 0; after the last one, their number. */
  epoch = 0;
  /** Epochs whose batches are all done: it is ahead of `epoch` in `onTrainEpochEnd`. */
  epochsProcessed = 0;
  /** Batches of this epoch that were begun. */
  batchesReady = 0;
  /** Batches of all epochs that were begun. */
  totalBatches = 0;
  isLastBatch = false;
  /** Whether the latest epoch was ended before its last batch, by a limit of steps or time: a run that resumes goes on in it. */
  cutShort = false;
  /** Optimizer steps: Lightning's `global_step`. */
  optimizerSteps = 0;
  /** Batches that ended with a step: the loggers' step. */
  batchesThatStepped = 0;
  /** Logged evaluation batches, by loader. */
  evaluationSteps: number[] = [];
  phase: Phase = "betweenEpochs";
  numTrainingBatches = Number.POSITIVE_INFINITY;

  get batchIdx(): number {
    return this.batchesReady - 1;
  }

  get allBatchesReady(): boolean {
    return this.isLastBatch || this.batchesReady === this.numTrainingBatches;
  }

  save(): Omit<LoopState, "results" | "metrics"> {
    const cut = this.cutShort && (this.phase === "epochEnd" || this.phase === "betweenEpochs");
    return {
      phase: cut ? "betweenBatches" : this.phase,
      epoch: cut && this.phase === "betweenEpochs" ? this.epoch - 1 : this.epoch,
      globalStep: this.optimizerSteps,
      batchesDone: this.batchesReady,
      totalBatches: this.totalBatches,
      batchesThatStepped: this.batchesThatStepped,
      isLastBatch: this.isLastBatch,
      evaluationSteps: [...this.evaluationSteps],
    };
  }

  load(state: Omit<LoopState, "results" | "metrics">): void {
    this.phase = state.phase;
    this.epoch = state.epoch;
    this.epochsProcessed = state.phase === "epochEnd" ? state.epoch + 1 : state.epoch;
    this.optimizerSteps = state.globalStep;
    this.batchesReady = state.batchesDone;
    this.totalBatches = state.totalBatches;
    this.batchesThatStepped = state.batchesThatStepped;
    this.isLastBatch = state.isLastBatch;
    this.evaluationSteps = [...state.evaluationSteps];
  }

  reset(): void {
    Object.assign(this, new Progress());
  }
}
