/** A plain value that YAML, JSON and every tracking service can hold. */
export type PlainValue =
  | string
  | number
  | boolean
  | null
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue };

/** Hyperparameters: a (nested) record; values that are not plain are written as text. */
export type Hyperparams = Readonly<Record<string, unknown>>;

export interface LoggedImage {
  /** An encoded PNG file. */
  readonly png: Uint8Array;
  readonly caption?: string | undefined;
}

export interface LoggedTable {
  readonly columns: readonly string[];
  readonly data: readonly (readonly PlainValue[])[];
}

/** How a run ended. */
export type FinalStatus = "success" | "failed" | "interrupted";

/** What a logger needs to know of the checkpoint callback that has just saved a file (`log_model`). */
export interface CheckpointSource {
  readonly bestModelPath: string;
  readonly lastModelPath?: string;
  readonly bestModelScore?: number | null;
  /** Scores by path of the checkpoints kept. */
  readonly bestKModels?: ReadonlyMap<string, number> | Readonly<Record<string, number>>;
  readonly monitor?: string | null;
  readonly mode?: string;
  readonly saveTopK?: number;
}

/**
 * Where a run's metrics go. The trainer calls it on rank 0 only, from the training thread: every method must return
 * quickly, and whatever is slow (a network, a big file) belongs behind a queue.
 */
export abstract class Logger {
  /** The experiment's name: a folder, or the project of a tracking service. */
  abstract readonly name: string | undefined;
  /** Which run of the experiment this is. */
  abstract readonly version: string | number | undefined;
  /** Where files go; `undefined` for a logger without files. */
  abstract readonly saveDir: string | undefined;

  /** The folder of this very run, when it differs from `saveDir`. */
  get logDir(): string | undefined {
    return this.saveDir;
  }

  abstract logHyperparams(params: Hyperparams): void;
  /** Records scalars at a training step (Lightning's `step`: optimizer steps, counted from 0). */
  abstract logMetrics(metrics: Readonly<Record<string, number>>, step: number): void;

  logImage?(key: string, images: readonly LoggedImage[], step: number): void;
  logTable?(key: string, table: LoggedTable, step: number): void;
  logText?(key: string, text: string, step: number): void;
  logHistogram?(key: string, values: ArrayLike<number>, step: number): void;
  /** Keeps a file of the run with the service, when it has a place for files. */
  logFile?(path: string): void;
  /** Lightning's `log_graph`; the model is passed as it is. */
  logGraph?(model: unknown): void;

  /** Asks for what was logged to be written. */
  save(): void {}
  /**
   * The trainer's end of a fit, validation, test or prediction. Resolves when all that was logged is written (or safely
   * kept for later). After a success the same logger may be used again.
   */
  abstract finalize(status: FinalStatus): void | Promise<void>;
  /** Ends the record for good; whoever made the logger calls it, or the end of the process does. */
  close?(exitCode?: number): void | Promise<void>;
  /** Someone has asked, through the logger's service, that the run stop. */
  get stopRequested(): boolean {
    return false;
  }
  afterSaveCheckpoint?(callback: CheckpointSource): void;

  /** What a checkpoint must remember so that a resumed run neither repeats nor loses a row. */
  stateDict?(): Record<string, PlainValue>;
  loadStateDict?(state: Readonly<Record<string, PlainValue>>): void;
}

/** Prefixes metric names as Lightning does: `prefix-name`. */
export function withPrefix(
  metrics: Readonly<Record<string, number>>,
  prefix: string,
): Readonly<Record<string, number>> {
  if (prefix === "") return metrics;
  return Object.fromEntries(Object.entries(metrics).map(([key, value]) => [`${prefix}-${key}`, value]));
}
