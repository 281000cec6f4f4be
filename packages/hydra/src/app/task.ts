import type { DictConfig } from "../omegaconf/containers.ts";

/** What a task gets beside its configuration. */
export interface JobContext {
  /** The whole configuration, with Hydra's own node. */
  readonly config: DictConfig;
  /** Absolute path of the run directory. */
  readonly outputDir: string;
  /** Where the program was started. */
  readonly originalCwd: string;
  readonly overrides: readonly string[];
  /** True under `--info unused`: build everything, do no work. */
  readonly dryRun: boolean;
}

/** What `main()` runs. It may be asynchronous. */
export type TaskFunction<T> = (config: DictConfig, job: JobContext) => T | Promise<T>;

export type JobStatus = "COMPLETED" | "FAILED";

/** What came of a job. */
export interface JobReturn<T = unknown> {
  readonly overrides: readonly string[];
  readonly config: DictConfig;
  readonly hydraConfig: DictConfig;
  readonly workingDir: string;
  readonly outputDir: string;
  readonly taskName: string;
  readonly status: JobStatus;
  /** What the task returned. */
  readonly value?: T;
  /** What the task threw. */
  readonly error?: unknown;
  readonly endedAt: Date;
}

/** Where a job's files go, given the directory that the configuration plans: another one, where that is taken. */
export type ClaimDirectory = (planned: string, config: DictConfig) => string;
