import type { Problem } from "@classifier-training/base";
import type { SourceSpec } from "../datasets/source-spec.ts";
import type { PipelinePlan } from "./pipeline.ts";

/** What a worker is started with. */
export interface WorkerSetup {
  readonly source: SourceSpec;
  readonly plan: PipelinePlan;
  readonly seed: number;
  /** The worker writes the index of the sample that it works on here, for when it dies. */
  readonly progress: Int32Array<SharedArrayBuffer>;
  /** Added to the thread's niceness on Linux: data workers give way to the training step. */
  readonly niceness: number;
  /** Samples in work at once: while one is being decoded, another is transformed. */
  readonly concurrency: number;
}

/** The memory of the batches: `slots` times `slotBytes`. */
export interface Ring {
  readonly memory: SharedArrayBuffer;
  readonly slotBytes: number;
  readonly sample: SampleShape;
}

/** What every sample of a loader looks like. */
export interface SampleShape {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly dtype: "uint8" | "float32";
}

export function sampleBytes({ width, height, channels, dtype }: SampleShape): number {
  return width * height * channels * (dtype === "uint8" ? 1 : 4);
}

/** Some samples of one batch. */
export interface Task {
  readonly id: number;
  readonly epoch: number;
  /** Dataset indices. */
  readonly indices: Int32Array;
  readonly occurrences: Int32Array;
  /** Byte offset of the first sample in the ring; the others follow. Absent for the probe of the first sample. */
  readonly offset?: number;
}

export type ToWorker =
  | { readonly type: "ring"; readonly ring: Ring }
  | { readonly type: "task"; readonly task: Task }
  | { readonly type: "stop" };

/** A sample that could not be made. */
export interface SampleFailure {
  /** Position within the task. */
  readonly position: number;
  readonly index: number;
  readonly problem: Problem;
}

export interface TaskResult {
  readonly id: number;
  readonly failures: readonly SampleFailure[];
  /** left, top, width, height of the rectangle to erase, for each sample; width 0 for none. */
  readonly erase?: Int32Array;
  /** Of a probe. */
  readonly shape?: SampleShape;
  /** Milliseconds of work. */
  readonly busyMs: number;
}

export type FromWorker = { readonly type: "ready" } | { readonly type: "result"; readonly result: TaskResult };
