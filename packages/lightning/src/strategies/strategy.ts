import type { nn, Tensor } from "@classifier-training/torch";
import type { Awaitable } from "../utilities/awaitable.ts";

/**
 * Where a run's processes are and how they agree. The loops ask it before every decision that all ranks must share, so
 * that a distributed strategy is one class and no change to them. What is asked of all ranks must be asked by each of
 * them, in the same order.
 */
export interface Strategy {
  readonly name: string;
  readonly rootDevice: string;
  readonly worldSize: number;
  readonly globalRank: number;
  /** The rank within this machine. */
  readonly localRank: number;
  /** Starts or meets the other processes: the first thing that a run does. */
  connect(): Awaitable<void>;
  /** Moves the module to its device, and gives all ranks the weights of the first. */
  setup(module: nn.AnyModule): Awaitable<void>;
  /** Makes the gradients of these parameters those of all ranks; called once for each optimizer step. */
  reduceGradients(parameters: readonly Tensor[]): Awaitable<void>;
  /** Gives all ranks the first one's buffers; called after each forward pass of training. */
  synchronizeBuffers(module: nn.AnyModule): Awaitable<void>;
  /** What each rank passed, by rank: numbers, text, typed arrays, plain objects, Maps and arrays of these. */
  allGather<T>(value: T): Awaitable<readonly T[]>;
  /** For each flag, whether any rank has it. */
  anyOf(flags: readonly boolean[]): Awaitable<readonly boolean[]>;
  /** Whether all ranks (or any) say yes; blocks until they have. */
  reduceDecision(decision: boolean, mode: "all" | "any"): boolean;
  barrier(name: string): Promise<void>;
  /** The run has failed here: ends the other ranks, and from now on decides alone. */
  abandon(): void;
  /** The run is being stopped on all ranks: that they end is not a failure. */
  expectEnd(): void;
  teardown(): Promise<void>;
}

export function isDistributed(strategy: Strategy): boolean {
  return strategy.worldSize > 1;
}
