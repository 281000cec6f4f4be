import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { LoaderSource } from "../data/batch-loader.ts";
import type { Awaitable } from "../utilities/awaitable.ts";
import type { TrainerFn, TrainerView } from "./trainer-view.ts";

/** Owns the data of a run: it prepares it, splits it and makes the loaders. */
export abstract class LightningDataModule {
  #trainer: TrainerView | undefined;

  /** The trainer that uses this data module; undefined outside of its functions. */
  get trainer(): TrainerView | undefined {
    return this.#trainer;
  }

  /** Called by the trainer. */
  attachTrainer(trainer: TrainerView | undefined): void {
    this.#trainer = trainer;
  }

  prepareData?(): Awaitable<void>;
  setup?(stage: TrainerFn): Awaitable<void>;
  teardown?(stage: TrainerFn): Awaitable<void>;
  trainDataloader?(): Awaitable<LoaderSource>;
  valDataloader?(): Awaitable<LoaderSource>;
  testDataloader?(): Awaitable<LoaderSource>;
  predictDataloader?(): Awaitable<LoaderSource>;

  onBeforeBatchTransfer?(batch: unknown, dataloaderIdx: number): unknown;
  transferBatchToDevice?(batch: unknown, device: string, dataloaderIdx: number): unknown;
  onAfterBatchTransfer?(batch: unknown, dataloaderIdx: number): unknown;
  onException?(error: unknown): Awaitable<void>;

  stateDict?(): Record<string, unknown>;
  loadStateDict?(state: Record<string, unknown>): void;
  onSaveCheckpoint?(checkpoint: Checkpoint): void;
  onLoadCheckpoint?(checkpoint: Checkpoint): void;

  /** What a checkpoint must agree on to be continued with this data: classes, number of samples, a hash. */
  runSignature?(): Record<string, unknown>;
}
