import type { Ring, Task, TaskResult } from "./protocol.ts";

/** Who performs tasks: worker threads, or the calling thread. */
export interface Executor {
  useRing(ring: Ring): void;
  /** @throws VisionError if the worker that has the task dies. */
  submit(task: Task): Promise<TaskResult>;
  /** Keeps the process alive (or lets it end) while tasks are being waited for. */
  hold(wanted: boolean): void;
  /** Ends all threads; outstanding tasks are rejected. */
  close(): Promise<void>;
}
