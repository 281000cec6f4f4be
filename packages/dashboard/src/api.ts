import type { RunRecord, RunStatus } from "@classifier-training/runs";

/** One line of the list of runs. */
export interface RunSummary {
  /** The run's folder, relative to the root; `.` for the root itself. */
  readonly key: string;
  readonly name: string;
  readonly kind: string;
  readonly status: RunStatus;
  readonly startedAt: string;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
  readonly monitor?: RunRecord["monitor"];
  readonly best?: RunRecord["best"];
}

/** Everything of a run but its metrics. */
export interface RunDetail extends RunSummary {
  readonly record: RunRecord;
  /** YAML. */
  readonly config?: string;
  readonly overrides?: string;
  /** Class names by index. */
  readonly labels?: readonly string[];
  /** Paths for `/api/runs/KEY/files/PATH`. */
  readonly images: readonly string[];
}

/** A curve: a metric's steps and values, in the order they were logged. */
export interface Series {
  readonly steps: number[];
  readonly values: number[];
}

/** Sent to the page: all curves first, then what was added to them. */
export interface MetricsMessage {
  /** The run, in a stream of several. */
  readonly key?: string;
  /** Forget what was sent before. */
  readonly reset: boolean;
  readonly series: Readonly<Record<string, Series>>;
  readonly status: RunStatus;
}
