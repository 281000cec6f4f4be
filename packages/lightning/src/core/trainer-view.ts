import type { nn, optim } from "@classifier-training/torch";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Logger } from "../loggers/logger.ts";
import type { MetricValues } from "../metrics/logged-values.ts";
import type { Profiler } from "../profilers/profiler.ts";
import type { Strategy } from "../strategies/strategy.ts";
import type { SchedulerConfig, SchedulerOptions } from "./optimizers.ts";

/** Which of the trainer's functions runs. */
export type TrainerFn = "fit" | "validate" | "test" | "predict";
export type Stage = "sanity_check" | "train" | "validate" | "test" | "predict";
export type Status = "initializing" | "running" | "finished" | "interrupted";

/** A callback, as far as the trainer's interface names it. */
export interface AttachedCallback {
  readonly stateKey: string;
}

/**
 * The trainer as modules and callbacks see it. Everything here can be read at any time; what can be asked of the
 * trainer is `shouldStop`, `saveCheckpoint` and the options marked as changeable.
 */
export interface TrainerView {
  readonly fn: TrainerFn | undefined;
  readonly stage: Stage | undefined;
  readonly status: Status;
  readonly sanityChecking: boolean;
  /** Set it to end training after the current batch (once `minEpochs` and `minSteps` are met). */
  shouldStop: boolean;

  /** The epoch in progress, from 0. */
  readonly currentEpoch: number;
  /** Optimizer steps taken. */
  readonly globalStep: number;
  /** The step that loggers receive: training batches that stepped, disregarding how many optimizers did. */
  readonly loggedStep: number;
  /** The batch in progress in this epoch, from 0. */
  readonly batchIdx: number;
  readonly isLastBatch: boolean;
  /** Whether loggers get values at this step, by `logEveryNSteps`. */
  readonly shouldUpdateLogs: boolean;
  /** Optimizer steps that the whole training will take; Infinity when nothing limits it. */
  estimateSteppingBatches(): Promise<number>;

  /** A LightningModule and a LightningDataModule: these know the trainer, so that it cannot name them here. */
  readonly lightningModule: nn.AnyModule;
  readonly datamodule: object | undefined;
  /** Callbacks may add to it during `setup`; not afterwards. */
  readonly callbacks: readonly AttachedCallback[];
  readonly loggers: readonly Logger[];
  readonly logger: Logger | undefined;
  readonly optimizers: readonly optim.Optimizer[];
  readonly lrSchedulerConfigs: readonly SchedulerConfig[];
  readonly strategy: Strategy;
  readonly profiler: Profiler;

  /** What was logged, as callbacks, loggers and the progress bar get to see it. */
  readonly callbackMetrics: Readonly<MetricValues>;
  /** Whether one of `callbackMetrics` was measured in this batch, or with the weights of this step, and not before. */
  isCurrentMetric(name: string): boolean;
  readonly loggedMetrics: Readonly<MetricValues>;
  readonly progressBarMetrics: Readonly<MetricValues>;

  /** Adds values that callbacks monitor, such as learning rates; loggers do not get them by it. */
  addCallbackMetrics(values: Readonly<MetricValues>): void;

  /** Runs a forward pass, synchronously, in the trainer's precision: autocast where training has it. */
  forward<T>(run: () => T): T;
  /**
   * Iterates once over the training data without training, until `run` returns false; what steps log meanwhile is dropped. A
   * distributed run refuses, unless each rank is to iterate over its shard.
   */
  forEachTrainingBatch(
    run: (batch: unknown) => boolean | undefined,
    options?: { readonly onAllRanks?: boolean },
  ): Promise<void>;
  /** Other schedulers from now on; a checkpoint holds their state. */
  replaceLrSchedulers(schedulers: readonly SchedulerOptions[]): void;
  /** Asks for the training loader anew: its batch size has changed. */
  reloadTrainLoader(): Promise<void>;

  /** Batches of a training epoch under `limitTrainBatches`; Infinity when unknown. */
  readonly numTrainingBatches: number;
  readonly numValBatches: readonly number[];
  readonly numSanityValBatches: readonly number[];
  readonly numTestBatches: readonly number[];
  readonly numPredictBatches: readonly number[];
  readonly trainLoaderStats: { readonly waitMs: number; readonly images: number; readonly batches: number };

  /** Can be changed in training: schedules stay as long as they were made. */
  maxEpochs: number;
  readonly minEpochs: number;
  readonly maxSteps: number;
  readonly valCheckInterval: number;
  readonly checkValEveryNEpoch: number | null;
  readonly enableValidation: boolean;
  /** Whether `valCheckInterval` and `checkValEveryNEpoch` are 1: callbacks then act at the end of training epochs. */
  readonly validatesAtEpochEnd: boolean;
  /** Whether validation runs by the clock. */
  readonly validatesByTime: boolean;
  /** Whether validation has run in this training, the sanity check aside. */
  readonly validationHasRun: boolean;
  readonly logEveryNSteps: number;
  /** Can be changed between epochs. */
  accumulateGradBatches: number;
  readonly gradientClipVal: number | null;
  readonly fastDevRun: number | false;
  readonly defaultRootDir: string;
  readonly isGlobalZero: boolean;
  readonly worldSize: number;
  readonly globalRank: number;

  /** The checkpoint that this run was resumed from, or that its weights were loaded from. */
  readonly ckptPath: string | undefined;
  /** Identifies this run; every checkpoint that it writes carries it. */
  readonly runId: string;
  /** Ids of the runs that this one resumed by `ckptPath: "last"`, the latest first. */
  readonly continuedRuns: readonly string[];
  /** Where the last interruption left this run: a new run has 0. */
  readonly resumedStep: number;

  /** In a distributed run, called by all ranks. */
  saveCheckpoint(path: string, options?: SaveOptions): Promise<void>;
  dumpCheckpoint(weightsOnly?: boolean): Promise<Checkpoint>;
  /** Files being written in the background, too. Rank 0 knows; to the others no file exists. */
  checkpointExists(path: string): boolean;
  /** Removes a file, and folders below `root` that are empty then, once what was asked for before is done. */
  removeCheckpoint(path: string, root: string): void;
  linkCheckpoint(path: string, linkPath: string): void;
  /** Resolves when every checkpoint asked for is on disk. */
  flushCheckpoints(): Promise<void>;
}

export interface SaveOptions {
  readonly weightsOnly?: boolean;
  /** The metric by which it was chosen, for the file's summary. */
  readonly monitor?: { readonly name: string; readonly value: number };
  /** Called when the file is on disk, or could not be written; training continues meanwhile. */
  readonly onDone?: (error: unknown) => void;
  /** Files that this one replaces: removed once it is on disk, and kept when it could not be written. */
  readonly replaces?: readonly string[];
  /** Nothing has changed a tensor since the save just before: its snapshot will do for this file too. */
  readonly sameTensors?: boolean;
}
