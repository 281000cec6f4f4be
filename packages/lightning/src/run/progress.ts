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

  begin(fn: TrainerFn): void {
    this.fn = fn;
    this.stage = undefined;
    this.status = "running";
    this.shouldStop = false;
    this.trained = false;
  }
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
  /** Whether the latest epoch was ended before its last batch, by a limit of steps or time: a run that resumes continues within it. */
  cutShort = false;
  /** Optimizer steps: Lightning's `global_step`. */
  optimizerSteps = 0;
  /** Batches that ended with a step: the loggers' step. */
  batchesThatStepped = 0;
  /** Logged evaluation batches, by loader. */
  evaluationSteps: number[] = [];
  phase: Phase = "betweenEpochs";
  numTrainingBatches = Number.POSITIVE_INFINITY;
  /** Samples in a batch, where the loader says so. */
  batchSize: number | undefined;
  /** What the epoch in progress was divided into when the checkpoint was made. */
  resumedUnit: LoopState["unit"];

  get batchIdx(): number {
    return this.batchesReady - 1;
  }

  get allBatchesReady(): boolean {
    return this.isLastBatch || this.batchesReady === this.numTrainingBatches;
  }

  save(): Omit<LoopState, "results" | "metrics" | "current"> {
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
      unit: {
        batches: Number.isFinite(this.numTrainingBatches) ? this.numTrainingBatches : null,
        batchSize: this.batchSize ?? null,
      },
    };
  }

  load(state: Omit<LoopState, "results" | "metrics" | "current">): void {
    this.phase = state.phase;
    this.epoch = state.epoch;
    this.epochsProcessed = state.phase === "epochEnd" ? state.epoch + 1 : state.epoch;
    this.optimizerSteps = state.globalStep;
    this.batchesReady = state.batchesDone;
    this.totalBatches = state.totalBatches;
    this.batchesThatStepped = state.batchesThatStepped;
    this.isLastBatch = state.isLastBatch;
    this.evaluationSteps = [...state.evaluationSteps];
    this.resumedUnit = state.unit;
  }

  /** Why the epoch in progress cannot be continued where the checkpoint was made: its batches are others now. */
  changedUnit(): string | undefined {
    const { resumedUnit: before, batchSize, numTrainingBatches: batches } = this;
    this.resumedUnit = undefined;
    if (this.phase === "betweenEpochs" || this.phase === "epochEnd" || this.isLastBatch) return undefined;
    const { batchSize: oldSize = null, batches: oldBatches = null } = before ?? {};
    if (oldSize !== null && batchSize !== undefined && oldSize !== batchSize)
      return `the batch size was ${oldSize} and is ${batchSize}`;
    if (oldBatches !== null && oldBatches !== batches) return `it had ${oldBatches} batches and has ${batches}`;
    return this.batchesReady > batches ? `${this.batchesReady} batches were done, and it has ${batches}` : undefined;
  }

  reset(): void {
    Object.assign(this, new Progress());
  }
}
