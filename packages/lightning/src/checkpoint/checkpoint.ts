import type { Tensor } from "@classifier-training/torch";
import type { MetricValues, ResultState } from "../metrics/logged-values.ts";

/** Where in an epoch a checkpoint was taken: what is done already when training resumes. */
export type Phase =
  /** Within a batch: not resumable. */
  | "inBatch"
  /** In `onTrainBatchEnd`: the batch's log row, its validation and the rest are still to come. */
  | "batchEnd"
  /** The batch is done and logged; its validation is due. */
  | "beforeValidation"
  /** In `onValidationEnd`. */
  | "validationEnd"
  /** Between two batches. */
  | "betweenBatches"
  /** In `onTrainEpochEnd`: the epoch's log row is still to come. */
  | "epochEnd"
  /** Between two epochs, before the first, or after the last. */
  | "betweenEpochs";

/** The counters of the training loops. */
export interface LoopState {
  readonly phase: Phase;
  readonly epoch: number;
  readonly globalStep: number;
  /** Batches of the epoch that are done (the one in progress included). */
  readonly batchesDone: number;
  readonly totalBatches: number;
  /** Batches whose gradients were applied: the loggers' step. */
  readonly batchesThatStepped: number;
  readonly isLastBatch: boolean;
  /** Evaluation batches logged so far, by loader: the step of evaluation's `onStep` values. */
  readonly evaluationSteps: readonly number[];
  /** Batches of an epoch and samples of a batch, null where they are not known: positions count in these. */
  readonly unit?: { readonly batches: number | null; readonly batchSize: number | null };
  readonly results: ResultState;
  readonly metrics: Readonly<{ callback: MetricValues; logged: MetricValues; progressBar: MetricValues }>;
  /** The metrics that were measured with these weights. */
  readonly current?: readonly string[];
}

export interface ConfiguredScheduler {
  readonly kind: string;
  readonly interval: "epoch" | "step";
  readonly frequency: number;
  /** Its state before the first step; undefined for one that is not counted in epochs or steps. */
  readonly state: Readonly<Record<string, unknown>> | undefined;
}

/** What `configureOptimizers` has made, before training changed any of it: a checkpoint keeps it beside the states. */
export interface Configured {
  /** Options of each parameter group, by optimizer. */
  readonly optimizers: readonly (readonly Readonly<Record<string, unknown>>[])[];
  readonly schedulers: readonly ConfiguredScheduler[];
}

/** The state of a rank other than the first; a resumed run needs that of each. */
export interface RankState {
  /** What it has logged in the epoch so far. */
  readonly results: ResultState;
  readonly metrics: Readonly<{ callback: MetricValues; logged: MetricValues; progressBar: MetricValues }>;
  readonly moduleMetrics: Readonly<Record<string, Record<string, unknown>>>;
  readonly rng: Record<string, unknown>;
  /** Gradients in the middle of an accumulation. */
  readonly gradients?: Map<string, Tensor>;
}

/**
 * Everything a run needs to continue as if it had not been interrupted. Hooks (`onSaveCheckpoint`) may add entries of
 * their own: plain values, arrays, maps and tensors.
 */
export interface Checkpoint {
  epoch: number;
  globalStep: number;
  /** The weights that evaluation uses (EMA's, where there is an EMA), under torchvision's names. */
  stateDict: Map<string, Tensor>;
  /** The weights that training continues with, where they differ (with an EMA). */
  trainingStateDict?: Map<string, Tensor>;
  /** Gradients in the middle of an accumulation, by parameter. */
  gradients?: Map<string, Tensor>;
  runId: string;
  continuedRuns?: readonly string[];
  loops?: LoopState;
  callbacks?: Record<string, Record<string, unknown>>;
  optimizerStates?: Record<string, unknown>[];
  lrSchedulers?: Record<string, unknown>[];
  /** Options of optimizers and schedulers as they were configured. */
  configured?: Configured;
  precision?: Record<string, unknown>;
  rng?: Record<string, unknown>;
  loggers?: (Record<string, unknown> | null)[];
  /** States of the metric objects of the module, by property path. */
  moduleMetrics?: Record<string, Record<string, unknown>>;
  datamodule?: Record<string, unknown>;
  /** Of a distributed run: the states of the ranks after the first, by rank from 1. */
  ranks?: readonly RankState[];
  hyperParameters?: Record<string, unknown>;
  runSignature?: Record<string, unknown>;
  [key: string]: unknown;
}
