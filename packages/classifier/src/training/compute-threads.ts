import { availableParallelism } from "node:os";
import { getNumThreads, setNumThreads } from "@classifier-training/torch";

/**
 * LibTorch counts physical cores, and on many virtual machines it finds one where there are more: then all are used.
 * OMP_NUM_THREADS, as ever, goes first. While training, the thread governor lowers the number when others need the cores.
 */
export function useAllCores(): void {
  if (process.env["OMP_NUM_THREADS"] === undefined && getNumThreads() === 1) setNumThreads(availableParallelism());
}
