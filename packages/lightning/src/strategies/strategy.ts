import type { Tensor } from "@classifier-training/torch";
import type { LightningModule } from "../core/module.ts";
import type { ReduceFx } from "../core/result-collection.ts";

/**
 * Where a run's processes are and how they agree. The loops ask it before every decision that all ranks must share, so
 * that a distributed strategy is one class and no change to them.
 */
export interface Strategy {
  readonly name: string;
  readonly rootDevice: string;
  readonly worldSize: number;
  readonly globalRank: number;
  /** Moves the module to its device, and wraps what must be wrapped. */
  setup(module: LightningModule): void;
  moveToDevice(batch: unknown): unknown;
  /** Makes the gradients those of all ranks; called once for each optimizer step. */
  reduceGradients(module: LightningModule): void;
  reduceTensor(tensor: Tensor, reduceFx: ReduceFx): Tensor;
  reduceNumber(value: number, reduceFx: ReduceFx): number;
  /** Whether all ranks (or any) say yes. */
  reduceDecision(decision: boolean, mode: "all" | "any"): boolean;
  barrier(name: string): Promise<void>;
  teardown(): Promise<void>;
}
