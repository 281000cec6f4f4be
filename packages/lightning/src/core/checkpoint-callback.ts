import type { Callback } from "./callback.ts";
import type { TrainerView } from "./trainer-view.ts";

/** Candidates for "last", the newest first, and where all files of the callback are. */
export interface LastCheckpoints {
  readonly last: readonly string[];
  readonly folder: string;
  readonly extension: string;
}

/** What a run asks of a callback that writes checkpoints. */
export interface CheckpointCallback {
  readonly bestModelPath: string;
  findLast(trainer: TrainerView): LastCheckpoints;
  /** Whether it writes a last checkpoint anyway: its folder is then the one to save an interrupted run in. */
  readonly keepsLast: boolean;
  /** How old the last checkpoint may get in the middle of an epoch, in milliseconds; null for any age. */
  readonly saveEveryMs: number | null;
  /** By the clock (`performance.now()`), when the last checkpoint was written. */
  readonly lastSavedAt: number | undefined;
  /** Saves the run as it stands where `findLast` finds it. @returns the file, once the snapshot is taken */
  saveNow(trainer: TrainerView, onDone?: (error: unknown) => void): Promise<string>;
}

export function isCheckpointCallback(callback: Callback): callback is Callback & CheckpointCallback {
  const { findLast, saveNow } = callback as Partial<CheckpointCallback>;
  return typeof findLast === "function" && typeof saveNow === "function";
}
