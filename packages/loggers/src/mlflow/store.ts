export interface MlflowMetric {
  readonly key: string;
  readonly value: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly step: number;
}

export type MlflowStatus = "RUNNING" | "FINISHED" | "FAILED" | "KILLED";

export interface MlflowRunRequest {
  readonly experimentName: string;
  readonly runName: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly artifactLocation: string | null;
  /** Continue this run instead of making one. */
  readonly runId: string | null;
}

/** Where an MLflow run is kept. No method waits: what is slow is queued, in order. */
export interface MlflowStore {
  /** Known as soon as the run was made. */
  readonly runId: string | undefined;
  readonly experimentId: string | undefined;
  logMetrics(metrics: readonly MlflowMetric[]): void;
  logParams(params: ReadonlyMap<string, string>): void;
  /** Keeps a file under a path such as `images/confusion.png`. */
  logArtifact(path: string, content: { readonly file: string } | { readonly bytes: Uint8Array }): void;
  /** @param endTime milliseconds since 1970; now by default */
  terminate(status: MlflowStatus, endTime?: number): void;
  /** Resolves when all that was asked is done, or has become hopeless. */
  drain(patienceMs: number): Promise<void>;
}

/** A metric's name as MLflow allows it. */
export function metricName(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_/. -]+/g, "");
}
