import type { Annotations, Origins, RunRecord, RunStatus } from "@classifier-training/runs";

/** What the server sends and the page reads: the one home of both sides' types. */

/** `stale`: it says that it is running, but nothing was written for a while. */
export type ShownStatus = RunStatus | "stale";

/** One row of the list of runs. */
export interface RunSummary {
  /** The run's folder, relative to the root, with `/`; `.` for the root itself. */
  readonly key: string;
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly status: ShownStatus;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly finishedAt?: string;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
  readonly host: string;
  readonly monitor?: RunRecord["monitor"];
  readonly best?: RunRecord["best"];
  readonly error?: string;
  /** The newest value of each metric but those of single classes; `null` when it is not finite. */
  readonly latest: Readonly<Record<string, number | null>>;
  /** Counted from 0. */
  readonly epoch?: number;
  readonly step?: number;
  readonly maxEpochs?: number;
  /** Until a running one ends, as fast as it trained so far. */
  readonly secondsLeft?: number;
  /** The folder of the sweep that it is a job of. */
  readonly sweep?: string;
  /** Of a cross-validation. */
  readonly fold?: string;
  /** The id of the run that it resumed, and at which step. */
  readonly resumed?: { readonly id: string; readonly step: number };
  readonly annotations: Annotations;
  /** Changes whenever its metrics may have. */
  readonly metricsVersion: string;
}

/** What changed in the list since a cursor: sent as server-sent events, and on request. */
export interface RunChanges {
  readonly cursor: string;
  /** Forget what was sent before: `runs` are all runs. */
  readonly reset: boolean;
  readonly runs: readonly RunSummary[];
  /** Keys of runs that are gone. */
  readonly removed: readonly string[];
  /** The folders are being looked through for the first time: more is to come. */
  readonly isScanning: boolean;
}

/** Everything of a run but its metrics. */
export interface RunDetail extends RunSummary {
  /** Absolute. */
  readonly dir: string;
  readonly record: RunRecord;
  /** YAML, secrets masked. */
  readonly config?: string;
  readonly overrides?: string;
  /** The configuration by dotted key, secrets masked. */
  readonly values: Readonly<Record<string, string>>;
  /** Of each value where it was set, and what it replaced, in lines; of runs that noted it. */
  readonly origins?: Origins;
  /** Class names by index. */
  readonly labels?: readonly string[];
  /** Paths for `/api/runs/KEY/files/PATH`. */
  readonly images: readonly string[];
}

/** Values that columns of the list can show. */
export interface ColumnNames {
  /** Dotted keys of the configuration that differ among the runs, then the others. */
  readonly config: readonly { readonly name: string; readonly distinct: number }[];
}

/** One configuration value of all runs that have it, by run. */
export type ColumnValues = Readonly<Record<string, string>>;

/** A curve: steps and values in the order in which they were logged; `null` for a value that is not finite. */
export interface Series {
  readonly steps: number[];
  readonly values: (number | null)[];
}

/** The curves of a run, all or those that were added. */
export interface RunMetrics {
  /** Of the file: another one means that rows were replaced. */
  readonly generation: string;
  /** Rows read so far: the `from` of the next request. */
  readonly rows: number;
  /** `series` are only the rows from `from` on. */
  readonly isAddition: boolean;
  readonly series: Readonly<Record<string, Series>>;
  /** Curves that have more points than were sent. */
  readonly downsampled: boolean;
  /** Names of all metrics, those of single classes too. */
  readonly names: readonly string[];
  /** The first step of each epoch that is known. */
  readonly epochs: { readonly steps: readonly number[]; readonly epochs: readonly number[] };
  /** When steps were reached, seconds since 1970. */
  readonly timeline: { readonly steps: readonly number[]; readonly times: readonly number[] };
  /** Steps where it was resumed. */
  readonly resumed: readonly number[];
}

/** The end of what a run printed. */
export interface RunLog {
  readonly text: string;
  readonly isCut: boolean;
}

export interface SessionInfo {
  /** The folder of the runs. */
  readonly root: string;
  /** Whether the request carried the token for writing. */
  readonly canWrite: boolean;
  /** Names of what the server can do besides showing runs. */
  readonly extensions: readonly string[];
}

/** The header that carries the token for writing. */
export const tokenHeader = "x-write-token";

/** Metrics of single classes: there may be thousands of them. */
export const classMetric = /^(.*_class_)(\d+)$/;
