import { availableParallelism } from "node:os";
import { localProcessCount } from "@classifier-training/base";

export interface ThreadPlan {
  /** Data worker threads. */
  readonly workers: number;
  /** Threads for LibTorch (`torch.setNumThreads`). */
  readonly computeThreads: number;
}

/** The cores of this process: those of the machine, divided by the processes of a distributed run on it. */
function ownCores(): number {
  return Math.max(1, Math.floor(availableParallelism() / localProcessCount()));
}

/**
 * Divides the cores between data workers and compute. More busy threads than cores make a LibTorch step many times
 * slower (each parallel region waits for whichever thread was preempted), so workers beyond the spare cores are not
 * started; the ones that run give way by a lower priority (see `niceness`) and sleep when the batches are ready.
 * @param requested `num_workers` of the configuration.
 * @param computeOnCpu whether the training step runs on the CPU.
 */
export function planThreads(
  requested: number,
  { computeOnCpu = true, cores = ownCores() }: { computeOnCpu?: boolean; cores?: number } = {},
): ThreadPlan {
  const spare = computeOnCpu ? Math.max(1, Math.floor(cores / 2)) : Math.max(1, cores - 1);
  return { workers: Math.min(requested, spare), computeThreads: cores };
}
